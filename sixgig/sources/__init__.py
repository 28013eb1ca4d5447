"""Where files come from: wheels, servers, archives, folders."""
