package cloudformation

import (
	"context"
	"slices"
	"sync"
)

// task is a piece of work that waits for others.
type task struct {
	id    string
	after []string // ids of tasks; those that there are not are not waited for
	do    func(context.Context) error
}

// atOnce is how many steps of one stack are done at once.
const atOnce = 32

// perform does tasks, many at once, each when those that it waits for are done. It returns
// the ids of those that failed with a stepFailure, sorted; what waits for one of them is
// not done, and after the first failure nothing more is begun if stop is true, nor when
// halted says so. Any other error ends it, as does the end of ctx; it never returns
// before what it began has ended. Of tasks that wait for each other the first is begun, unless
// stop is true: so nothing is left out.
func perform(ctx context.Context, tasks []task, stop bool, halted func() bool) (failures []string, err error) {
	waits := make(map[string]int, len(tasks))
	next := make(map[string][]*task, len(tasks))
	var ready []*task
	for i := range tasks {
		waits[tasks[i].id] = 0
	}
	for i := range tasks {
		t := &tasks[i]
		for _, id := range t.after {
			if _, there := waits[id]; there && id != t.id {
				waits[t.id]++
				next[id] = append(next[id], t)
			}
		}
	}
	for i := range tasks {
		if waits[tasks[i].id] == 0 {
			ready = append(ready, &tasks[i])
		}
	}
	begun := make(map[string]bool, len(tasks))
	type outcome struct {
		t   *task
		err error
	}
	ended := make(chan outcome)
	var running sync.WaitGroup
	defer running.Wait()
	for busy := 0; ; {
		for len(ready) > 0 && busy < atOnce && err == nil && !(stop && failures != nil) && ctx.Err() == nil && !halted() {
			t := ready[0]
			ready = ready[1:]
			if begun[t.id] {
				continue
			}
			begun[t.id] = true
			busy++
			running.Go(func() { ended <- outcome{t, t.do(ctx)} })
		}
		if busy == 0 {
			if t := knot(tasks, begun, next, failures); t != nil && !stop && err == nil && ctx.Err() == nil {
				ready = append(ready, t)
				continue
			}
			break
		}
		o := <-ended
		busy--
		switch failure := (*stepFailure)(nil); {
		case o.err == nil:
			for _, t := range next[o.t.id] {
				if waits[t.id]--; waits[t.id] == 0 {
					ready = append(ready, t)
				}
			}
		case asFailure(o.err, &failure):
			failures = append(failures, o.t.id)
		case err == nil:
			err = o.err
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	slices.Sort(failures)
	return failures, err
}

// knot returns the first task that was not begun and does not wait for one that failed: it
// waits for itself. It is nil if there is none.
func knot(tasks []task, begun map[string]bool, next map[string][]*task, failures []string) *task {
	blocked := map[string]bool{}
	for queue := failures; len(queue) > 0; queue = queue[1:] {
		for _, t := range next[queue[0]] {
			if !blocked[t.id] {
				blocked[t.id] = true
				queue = append(slices.Clip(queue), t.id)
			}
		}
	}
	for i := range tasks {
		if t := &tasks[i]; !begun[t.id] && !blocked[t.id] {
			return t
		}
	}
	return nil
}
