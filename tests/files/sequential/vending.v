// A machine that sells for five: states as a sum, and one bit a state.
// mutant: sum + 2 => sum + 1
module original(input clk, input one, input two, output sold);
  reg [2:0] sum = 0;
  always @(posedge clk)
    if (sum >= 5) sum <= 0;
    else if (two) sum <= sum + 2;
    else if (one) sum <= sum + 1;
  assign sold = sum >= 5;
endmodule

module again(input clk, input one, input two, output sold);
  reg s0 = 1, s1 = 0, s2 = 0, s3 = 0, s4 = 0, full = 0;
  wire stay = !one & !two, a = one & !two;
  always @(posedge clk) begin
    s0 <= full | s0 & stay;
    s1 <= s1 & stay | s0 & a;
    s2 <= s2 & stay | s1 & a | s0 & two;
    s3 <= s3 & stay | s2 & a | s1 & two;
    s4 <= s4 & stay | s3 & a | s2 & two;
    full <= s4 & (one | two) | s3 & two;
  end
  assign sold = full;
endmodule
