package fair

import "slices"

// Ring is a queue that goes round by person. It is pure: it knows who waits, and nothing of what
// they wait for. The zero value is an empty ring. It is not safe for concurrent use.
type Ring[T comparable] struct {
	people []waiting[T] // the first one is next
}

// waiting is the work of one person that waits, the oldest first.
type waiting[T comparable] struct {
	person string
	work   []T
}

// Join adds work of a person, behind their own. A person of whom nothing waited comes last.
func (r *Ring[T]) Join(person string, w T) {
	i := r.find(person)
	if i < 0 {
		i = len(r.people)
		r.people = append(r.people, waiting[T]{person: person})
	}
	r.people[i].work = append(r.people[i].work, w)
}

// Quit takes out work that waits, and reports whether it did wait.
func (r *Ring[T]) Quit(person string, w T) bool {
	i := r.find(person)
	if i < 0 {
		return false
	}
	at := slices.Index(r.people[i].work, w)
	if at < 0 {
		return false
	}
	if r.people[i].work = slices.Delete(r.people[i].work, at, at+1); len(r.people[i].work) == 0 {
		r.people = slices.Delete(r.people, i, i+1)
	}
	return true
}

// Next takes out the oldest work of the first person who may be served now, and puts that person
// last. It asks may about one piece of work of each person, in their order, until may says yes. It
// reports false if nobody may.
func (r *Ring[T]) Next(may func(person string, w T) bool) (next T, ok bool) {
	i := slices.IndexFunc(r.people, func(p waiting[T]) bool { return may(p.person, p.work[0]) })
	if i < 0 {
		return next, false
	}
	p := r.people[i]
	next = p.work[0]
	p.work = slices.Delete(p.work, 0, 1)
	r.people = slices.Delete(r.people, i, i+1)
	if len(p.work) > 0 {
		r.people = append(r.people, p)
	}
	return next, true
}

// Empty reports whether nothing waits.
func (r *Ring[T]) Empty() bool { return len(r.people) == 0 }

// Len returns how much waits.
func (r *Ring[T]) Len() int {
	n := 0
	for _, p := range r.people {
		n += len(p.work)
	}
	return n
}

// People returns of how many people something waits.
func (r *Ring[T]) People() int { return len(r.people) }

// Clone returns a copy that changes by itself.
func (r *Ring[T]) Clone() Ring[T] {
	people := slices.Clone(r.people)
	for i := range people {
		people[i].work = slices.Clone(people[i].work)
	}
	return Ring[T]{people}
}

// find returns the place of a person; -1: nothing of theirs waits.
func (r *Ring[T]) find(person string) int {
	return slices.IndexFunc(r.people, func(p waiting[T]) bool { return p.person == person })
}
