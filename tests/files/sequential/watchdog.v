// An alarm when nothing came for nine steps: counting up to it, and down.
// mutant: n == 9 ? 9 => n == 8 ? 8
module original(input clk, input kick, output alarm);
  reg [3:0] n = 0;
  always @(posedge clk) n <= kick ? 0 : n == 9 ? 9 : n + 1;
  assign alarm = n == 9;
endmodule

module again(input clk, input kick, output alarm);
  reg [3:0] left = 9;
  always @(posedge clk)
    if (kick) left <= 9;
    else if (left != 0) left <= left - 1;
  assign alarm = left == 0;
endmodule
