// Package pdf reads PDF files. It is the only room that knows PDFium and the runtime that it runs
// in.
//
// # A process for each file
//
// PDFium is C++, and the most attacked reader there is. Here it is WebAssembly: whatever a file
// does to it stays in its own memory, and it sees no file and no network. It still takes what it
// takes: its machine code is 50 MB of memory, compiling it costs 6 s of a core and 370 MB, and a
// page may keep it busy for ever. So it runs in a short-lived child: this program again, with one
// argument (Serve). The child gets its file by stdin and writes page after page to stdout; it has
// no environment, a group of its own, and bounds on memory and processor. When its time is over it
// is killed, and the pages that came are kept. The bot's own process never holds more than the file
// and the text.
//
// The machine code is compiled once, and kept in a folder below the state's. Run does it ahead, in
// a child that gives way to others, or when the first file comes: in a child that outlives the
// question. Without a folder each child compiles.
//
// # Executable memory
//
// The runtime writes machine code to memory and then makes it executable. Where that is forbidden
// (MemoryDenyWriteExecute= of systemd, PR_SET_MDWE), it can only interpret: sixty times slower, six
// pages a second. The ban is inherited for good, so a child cannot lift it. Therefore
// deploy/llmbot.service does not set it: the bot bans itself, with PR_MDWE_NO_INHERIT, and the
// child bans itself as soon as the code is loaded, before it sees a byte of the file. Under an
// inherited ban the child still answers: with as many pages as it can interpret in its time.
package pdf
