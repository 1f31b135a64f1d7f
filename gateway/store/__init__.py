"""All SQL of the gateway: named statements, numbered migrations, connections, the vault of keys.

Whoever reads a patient's rows hands over a `Grant`; `gateway.disclose` is the only caller of those reads.
"""
