"""The memristor crossbar target: arrays, their physics, mapping of weights to devices, tables for the lab."""
