"""Files from web servers: fetched in pieces that survive a break, checked, unpacked without trust."""
