"""Run generated hardware: read Verilog back, and simulate it in Icarus Verilog, Verilator or the embedded engine."""
