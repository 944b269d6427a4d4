package document

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// archive is an open ZIP archive.
type archive struct {
	parts map[string]*zip.File // by their names in lower case
	left  int64                // bytes that may still be unpacked
	stop  func() error         // why to stop; nil: go on
}

// open returns the archive in data. It looks at how many files there are before it makes
// anything of them.
func open(ctx context.Context, data []byte) (*archive, error) {
	if bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) { // a compound file, of Office 97 or around an encrypted package
		if bytes.Contains(data, utf16LE("EncryptedPackage")) {
			return nil, ErrPassword
		}
		return nil, ErrOld
	}
	// Each entry of the directory has this mark. The numbers at its end may lie.
	if n := bytes.Count(data, []byte("PK\x01\x02")); n > maxParts {
		return nil, fmt.Errorf("%d files in the archive: %w", n, ErrLarge)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	a := &archive{parts: make(map[string]*zip.File, len(z.File)), left: maxUnpacked, stop: func() error {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ErrSlow, ctx.Err())
		}
		return nil
	}}
	for _, f := range z.File {
		name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(f.Name, "/"), `\`, "/"))
		if _, twice := a.parts[name]; !twice {
			a.parts[name] = f
		}
	}
	return a, nil
}

// utf16LE returns ASCII text in UTF-16, low byte first.
func utf16LE(s string) []byte {
	var b []byte
	for i := range len(s) {
		b = append(b, s[i], 0)
	}
	return b
}

// errNoPart says that an archive has no part of a name.
var errNoPart = errors.New("there is no such part")

// xml opens a part as XML. The caller closes it.
func (a *archive) xml(name string) (*markup, error) {
	f := a.parts[strings.ToLower(strings.TrimPrefix(name, "/"))]
	if f == nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrDamaged, errNoPart)
	}
	if f.Flags&1 != 0 {
		return nil, ErrPassword
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
	}
	m := &markup{name: name, from: r, in: bufio.NewReader(r), archive: a}
	m.dec = xml.NewDecoder(m)
	return m, nil
}

// markup reads the tokens of an XML part. It knows elements by their local names: prefixes and
// namespaces differ between programs and versions.
type markup struct {
	name    string
	from    io.ReadCloser
	in      *bufio.Reader
	dec     *xml.Decoder
	archive *archive
	token   int // bytes since the last token
	depth   int
	err     error // what ended the bytes
}

func (m *markup) close() { _ = m.from.Close() }

// ReadByte is for the decoder, which reads nothing else of an io.ByteReader.
func (m *markup) ReadByte() (byte, error) {
	m.token++
	m.archive.left--
	switch {
	case m.token > maxToken, m.archive.left < 0:
		m.err = fmt.Errorf("%s unpacks to too much: %w", m.name, ErrLarge)
	case m.archive.left&0x7fff == 0:
		m.err = m.archive.stop()
	}
	if m.err != nil {
		return 0, m.err
	}
	c, err := m.in.ReadByte()
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = fmt.Errorf("%s: %w: %w", m.name, ErrDamaged, err)
		return 0, m.err
	}
	return c, err
}

// Read is there for the type of the decoder's argument.
func (m *markup) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := m.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// next returns the next token: xml.StartElement, xml.EndElement or xml.CharData, which is good
// until the one after it. io.EOF: there is none.
func (m *markup) next() (xml.Token, error) {
	for {
		m.token = 0
		tok, err := m.dec.RawToken()
		switch {
		case m.err != nil:
			return nil, m.err
		case errors.Is(err, io.EOF) && m.depth == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s ends too early: %w", m.name, ErrDamaged)
		case err != nil:
			return nil, fmt.Errorf("%s: %w: %w", m.name, ErrDamaged, err)
		}
		switch tok.(type) {
		case xml.StartElement:
			if m.depth++; m.depth > maxDepth {
				return nil, fmt.Errorf("%s: elements are nested too deep: %w", m.name, ErrDamaged)
			}
			return tok, nil
		case xml.EndElement:
			if m.depth--; m.depth < 0 {
				return nil, fmt.Errorf("%s: an element ends that did not begin: %w", m.name, ErrDamaged)
			}
			return tok, nil
		case xml.CharData:
			return tok, nil
		}
	}
}

// skip reads up to the end of the element that began last.
func (m *markup) skip() error {
	for depth := m.depth; m.depth >= depth; {
		if _, err := m.next(); err != nil {
			return err
		}
	}
	return nil
}

// text returns the characters in the element that began last, up to its end.
func (m *markup) text() (string, error) {
	var b strings.Builder
	for depth := m.depth; m.depth >= depth; {
		tok, err := m.next()
		if err != nil {
			return "", err
		}
		if c, ok := tok.(xml.CharData); ok && b.Len() < maxToken {
			b.Write(c)
		}
	}
	return b.String(), nil
}

// each calls f at the beginning of each element of a part.
func (a *archive) each(part string, f func(m *markup, e xml.StartElement) error) error {
	m, err := a.xml(part)
	if err != nil {
		return err
	}
	defer m.close()
	for {
		tok, err := m.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := tok.(xml.StartElement); ok {
			if err := f(m, e); err != nil {
				return err
			}
		}
	}
}

// attr returns an attribute by its local name.
func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// relation is what a part points to.
type relation struct {
	kind     string // the last word of its type
	target   string // a part of the archive, or an address
	external bool
}

// maxRelations is how many relations of a part are kept: a page of links has some hundred.
const maxRelations = 20_000

// relations returns what a part points to, by id. A part may have none.
func (a *archive) relations(part string) (map[string]relation, error) {
	dir, name := path.Split(part)
	rels := map[string]relation{}
	err := a.each(dir+"_rels/"+name+".rels", func(_ *markup, e xml.StartElement) error {
		if e.Name.Local != "Relationship" || len(rels) >= maxRelations {
			return nil
		}
		r := relation{kind: path.Base(attr(e, "Type")), target: attr(e, "Target"), external: attr(e, "TargetMode") == "External"}
		if !r.external {
			if strings.HasPrefix(r.target, "/") {
				r.target = strings.TrimPrefix(path.Clean(r.target), "/")
			} else {
				r.target = path.Join(dir, r.target)
			}
		}
		rels[attr(e, "Id")] = r
		return nil
	})
	if errors.Is(err, errNoPart) {
		return rels, nil
	}
	return rels, err
}

// main returns the part that a document begins with.
func (a *archive) main(usual string) (string, error) {
	rels, err := a.relations("")
	if err != nil && !errors.Is(err, ErrDamaged) {
		return "", err
	}
	for _, r := range rels {
		if r.kind == "officeDocument" && a.parts[strings.ToLower(r.target)] != nil {
			return r.target, nil
		}
	}
	return usual, nil
}

// target returns the part of a kind that another part points to; empty: none.
func target(rels map[string]relation, kind string) string {
	for _, r := range rels {
		if r.kind == kind && !r.external {
			return r.target
		}
	}
	return ""
}
