package slacksim

// A record keeps at most so many entries of what happened and, roughly, so many bytes of them. When
// it has more, it drops the older half.
const (
	logBound = 50_000
	logBytes = 64 << 20
)

// record is a list of the newest of what happened.
type record[T any] struct {
	list  []T
	sizes []int
	bytes int
	total int // of all that were ever added
}

// add records something of a size in bytes.
func (l *record[T]) add(v T, size int) {
	if len(l.list) >= logBound || l.bytes+size > logBytes && len(l.list) > 0 {
		l.drop((len(l.list) + 1) / 2)
	}
	l.list, l.sizes, l.bytes, l.total = append(l.list, v), append(l.sizes, size), l.bytes+size, l.total+1
}

// grow records that an entry has become larger.
func (l *record[T]) grow(i, size int) {
	l.sizes[i] += size
	if l.bytes += size; l.bytes > logBytes {
		l.drop(len(l.list) / 2)
	}
}

func (l *record[T]) drop(n int) {
	for _, size := range l.sizes[:n] {
		l.bytes -= size
	}
	l.list, l.sizes = append([]T(nil), l.list[n:]...), append([]int(nil), l.sizes[n:]...)
}
