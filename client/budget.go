package client

import "sync/atomic"

// budget bounds the attempts beyond the first, so that many clients do not bring down a cluster that is slow already.
type budget struct {
	tokens atomic.Int64 // in thousandths
	most   int64
	share  int64
}

const token = 1000

func (b *budget) init(reserve int, share float64) {
	b.most, b.share = int64(max(reserve, 0))*token, int64(share*token)
	b.tokens.Store(b.most)
}

// earn adds what a command that succeeded is worth.
func (b *budget) earn() {
	if now := b.tokens.Load(); now < b.most {
		b.tokens.CompareAndSwap(now, min(now+b.share, b.most)) // one that is lost to a neighbour is no loss
	}
}

// spend takes a token, and says whether there was one.
func (b *budget) spend() bool {
	for {
		now := b.tokens.Load()
		if now < token {
			return false
		}
		if b.tokens.CompareAndSwap(now, now-token) {
			return true
		}
	}
}
