// A queue of four bits in a ring with two pointers, and one that moves its bits along.
// mutant: wire full = count == 4 => wire full = count == 3
module original(input clk, input push, input pop, input d, output q, output is_empty, output is_full);
  reg [3:0] store = 0;
  reg [1:0] head = 0;
  reg [2:0] count = 0;
  wire full = count == 4, empty = count == 0;
  wire in = push & !full, out = pop & !empty;
  wire [1:0] tail = head + count[1:0];
  always @(posedge clk) begin
    if (in) store[tail] <= d;
    if (out) head <= head + 1;
    count <= count + in - out;
  end
  assign q = !empty & store[head], is_empty = empty, is_full = full;
endmodule

module again(input clk, input push, input pop, input d, output q, output is_empty, output is_full);
  reg [3:0] data = 0, used = 0;
  wire in = push & !used[3], out = pop & used[0];
  wire [3:0] kept_data = out ? data >> 1 : data, kept = out ? used >> 1 : used;
  wire [3:0] free = ~kept & {kept[2:0], 1'b1};
  always @(posedge clk) begin
    data <= in ? kept_data & ~free | {4{d}} & free : kept_data;
    used <= in ? kept | free : kept;
  end
  assign q = used[0] & data[0], is_empty = !used[0], is_full = used[3];
endmodule
