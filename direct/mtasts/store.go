package mtasts

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// PolicyStore keeps policies between two deliveries. One that survives a restart
// makes the protection survive it too: an attacker who can keep a policy from
// being fetched has no chance against one that is there already. Keys are domains
// in lower case. It is used from many goroutines at once.
type PolicyStore interface {
	// Get returns what Put was given last, and the zero Entry if that was nothing
	// or is forgotten. An error means that a policy may exist; mail has to wait.
	Get(ctx context.Context, domain string) (Entry, error)
	// Put keeps an entry in place of the one before. It may be forgotten after
	// Entry.Until, and before that if there must be room.
	Put(ctx context.Context, domain string, e Entry) error
}

// Entry is what is known of a domain: a policy, that none could be had, or both.
// It is plain data and goes through JSON unchanged.
type Entry struct {
	// Policy applies until Expires. Nil: there is none.
	Policy *Policy `json:"policy,omitempty"`
	// ID is that of the record for which Policy was fetched.
	ID      string    `json:"id,omitempty"`
	Fetched time.Time `json:"fetched,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// FailedID is the ID of the record for which fetching failed, with what
	// result; it isn't tried again before Retry.
	FailedID string    `json:"failed_id,omitempty"`
	Failure  Result    `json:"failure,omitempty"`
	Retry    time.Time `json:"retry,omitzero"`
}

// Until is when the entry says nothing any more.
func (e Entry) Until() time.Time {
	if e.Policy != nil && e.Expires.After(e.Retry) {
		return e.Expires
	}
	return e.Retry
}

// Memory is a PolicyStore in memory. When it is full, entries without a policy go
// first, then those that weren't asked for for the longest time. The zero value
// works.
type Memory struct {
	// Max is the number of entries. Default: 10,000.
	Max int

	mu      sync.Mutex
	entries map[string]*list.Element
	with    list.List // of *item with a policy, the latest used first
	without list.List
}

type item struct {
	domain string
	entry  Entry
}

const defaultMax = 10_000

// Get implements PolicyStore.
func (m *Memory) Get(_ context.Context, domain string) (Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	el := m.entries[domain]
	if el == nil {
		return Entry{}, nil
	}
	it := el.Value.(*item)
	m.listOf(it.entry).MoveToFront(el)
	return it.entry, nil
}

// Put implements PolicyStore.
func (m *Memory) Put(_ context.Context, domain string, e Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[string]*list.Element{}
	}
	if el := m.entries[domain]; el != nil {
		m.listOf(el.Value.(*item).entry).Remove(el)
	}
	m.entries[domain] = m.listOf(e).PushFront(&item{domain, e})
	most := m.Max
	if most <= 0 {
		most = defaultMax
	}
	for len(m.entries) > most {
		l := &m.without
		if l.Len() == 0 {
			l = &m.with
		}
		delete(m.entries, l.Remove(l.Back()).(*item).domain)
	}
	return nil
}

func (m *Memory) listOf(e Entry) *list.List {
	if e.Policy != nil {
		return &m.with
	}
	return &m.without
}
