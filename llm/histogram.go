package llm

import "slices"

// merge adds in, which is sorted. With too many bounds in all, nothing is known.
func (h *Histogram) merge(in Histogram) {
	if h.void || len(in.Bounds) > maxBuckets {
		*h = Histogram{void: true}
		return
	}
	if h.Count == 0 && len(h.Bounds) == 0 {
		*h = in
		return
	}
	h.Sum, h.Count = h.Sum+in.Sum, h.Count+in.Count
	if slices.Equal(h.Bounds, in.Bounds) {
		for i := range in.Counts {
			h.Counts[i] += in.Counts[i]
		}
		return
	}
	bounds := slices.Concat(h.Bounds, in.Bounds)
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	if len(bounds) > maxBuckets {
		*h = Histogram{void: true}
		return
	}
	counts := make([]float64, len(bounds))
	for i, b := range bounds {
		counts[i] = h.upTo(b) + in.upTo(b)
	}
	h.Bounds, h.Counts = bounds, counts
}

func (h *Histogram) sort() {
	if slices.IsSorted(h.Bounds) {
		return
	}
	order := make([]int, len(h.Bounds))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case h.Bounds[a] < h.Bounds[b]:
			return -1
		case h.Bounds[a] > h.Bounds[b]:
			return 1
		default:
			return 0
		}
	})
	bounds, counts := make([]float64, len(order)), make([]float64, len(order))
	for i, o := range order {
		bounds[i], counts[i] = h.Bounds[o], h.Counts[o]
	}
	h.Bounds, h.Counts = bounds, counts
}

// upTo returns how many observations are known to be at most bound.
func (h *Histogram) upTo(bound float64) float64 {
	i, found := slices.BinarySearch(h.Bounds, bound)
	if found {
		return h.Counts[i]
	}
	if i == 0 {
		return 0
	}
	return h.Counts[i-1]
}
