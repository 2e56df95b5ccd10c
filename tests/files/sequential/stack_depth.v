// The depth of a stack of six: a number, and a row of marks.
// mutant: n != 6 => n != 7
module original(input clk, input push, input pop, output full, output empty);
  reg [2:0] n = 0;
  always @(posedge clk)
    if (push & !pop & n != 6) n <= n + 1;
    else if (pop & !push & n != 0) n <= n - 1;
  assign full = n == 6, empty = n == 0;
endmodule

module again(input clk, input push, input pop, output full, output empty);
  reg [5:0] marks = 0;
  always @(posedge clk)
    case ({push, pop})
      2'b10: marks <= {marks[4:0], 1'b1};
      2'b01: marks <= marks >> 1;
    endcase
  assign full = marks[5], empty = !marks[0];
endmodule
