"""ilprouter: an Interledger (ILPv4) router appliance for one machine."""
