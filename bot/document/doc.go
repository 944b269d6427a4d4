// Package document reads what people attach as Markdown for a prompt: Word, Excel and PowerPoint
// files, tables with separators, and Slack's canvases. Package pdf below it reads PDF.
//
// # Files are hostile
//
// Anybody in a workspace can post one. A Word file is a ZIP archive of XML: 1 MB of it unpacks to
// 1 GB, one text of it may be as long as all memory, and its elements may nest without end. So no
// part is ever unpacked as a whole. The readers here see one XML token at a time; a token, the
// depth, the number of parts and all that is unpacked have bounds, and the context is looked at
// while bytes flow. A reader stops as soon as it has the text that it may return: of a sheet with a
// million rows it unpacks the first thousand. Nothing is written to a disk.
//
// # Promises
//
// Read returns what it read before a file turned out to be damaged, too large or too slow, and says
// which part that is. It returns an error only if there is no text at all. The same bytes and
// limits give the same text, unless time ended. It never panics.
package document
