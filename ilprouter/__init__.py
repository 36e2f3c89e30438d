"""ilprouter: an Interledger (ILPv4) router appliance for one machine."""

__version__ = "0.1.0"
