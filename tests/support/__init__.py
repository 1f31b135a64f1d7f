"""What tests share beyond fixtures: servers, running processes, tools of the machine."""
