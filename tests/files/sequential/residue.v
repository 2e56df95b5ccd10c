// The remainder by three of a number that comes bit by bit: as a number, and with one bit a remainder.
// mutant: r == 1 ? d => r == 1 ? !d
module original(input clk, input clear, input d, output divisible);
  reg [1:0] r = 0;
  always @(posedge clk) r <= clear ? 0 : r == 0 ? d : r == 1 ? d ? 0 : 2 : d ? 2 : 1;
  assign divisible = r == 0;
endmodule

module again(input clk, input clear, input d, output divisible);
  reg zero = 1, one = 0, two = 0;
  always @(posedge clk)
    if (clear) {zero, one, two} <= 3'b100;
    else {zero, one, two} <= d ? {one, zero, two} : {zero, two, one};
  assign divisible = zero;
endmodule
