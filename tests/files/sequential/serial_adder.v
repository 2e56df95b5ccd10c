// Two numbers added bit by bit, with a carry, and with what the carry is made from.
// mutant: a & b | c & (a | b) => a & b | c & (a & b)
module original(input clk, input first, input a, input b, output sum);
  reg carry = 0;
  wire c = carry & ~first;
  always @(posedge clk) carry <= a & b | c & (a | b);
  assign sum = a ^ b ^ c;
endmodule

module again(input clk, input first, input a, input b, output sum);
  reg both = 0, either = 0, old = 0;
  wire c = ~first & (both | old & either);
  always @(posedge clk) begin
    both <= a & b;
    either <= a ^ b;
    old <= c;
  end
  assign sum = a ^ b ^ c;
endmodule
