package engine

// lock is a mutex that may be held while others are waited for: raft, load
// balancers. Whoever waits for it waits on a channel, which testing/synctest
// knows for waiting, as it does not know a sync.Mutex: with one of those, the
// holder's time would never pass in a test.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

// Lock waits for the lock and takes it.
func (l lock) Lock() { l <- struct{}{} }

// Unlock gives it back. Unlocking what nobody holds is a bug, and hangs.
func (l lock) Unlock() { <-l }
