package preflight

// once returns a function that calls f when it is called first, and gives the same
// value to all. Who comes second waits on a channel: on the mutex of a
// sync.OnceValue, time would stand still in a bubble of testing/synctest.
func once[T any](f func() T) func() T {
	first, done := make(chan struct{}, 1), make(chan struct{})
	first <- struct{}{}
	var value T
	return func() T {
		select {
		case <-first:
			value = f()
			close(done)
		case <-done:
		}
		<-done
		return value
	}
}
