"""Who is calling: scopes, our keys, client assertions, access tokens, registered clients and accounts."""
