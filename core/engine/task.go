package engine

import (
	"context"
	"errors"
)

// task is a goroutine that can be stopped by itself.
type task struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// start runs f until its context ends. An error of f ends the engine: only the
// journal fails in such a way.
func (e *Engine) start(f func(context.Context) error) *task {
	ctx, cancel := context.WithCancel(context.Background())
	t := &task{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		defer cancel()
		if err := f(ctx); err != nil {
			e.fail(err)
		}
	}()
	return t
}

// stop ends a task and waits until it has; nil is one that never ran.
func (t *task) stop() {
	if t != nil {
		t.cancel()
		<-t.done
	}
}

// over reports whether a task has ended.
func (t *task) over() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// stopAll ends tasks side by side.
func stopAll(ts []*task) {
	for _, t := range ts {
		if t != nil {
			t.cancel()
		}
	}
	for _, t := range ts {
		t.stop()
	}
}

// errReplaced says that a part was replaced while it was asked for something.
var errReplaced = errors.New("engine: the configuration was changed meanwhile; try again")

// during calls f, which needs the task; it gives up once the task has ended.
func (t *task) during(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-t.done:
			cancel(errReplaced)
		case <-ctx.Done():
		}
	}()
	err := f(ctx)
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), errReplaced) {
		return errReplaced
	}
	return err
}
