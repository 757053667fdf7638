// bench_go.go - Go's channels. As in any program that can be canceled, the
// pipeline and the row with cancel select on a done channel at each step.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	capacity = 128
	work     = 1400
	marked   = 1000
)

type item struct {
	id, value uint64
	err       error
}

var errMarked = fmt.Errorf("marked")

func triangle(n uint64) uint64 { return n * (n + 1) / 2 }

func result(workload string, count uint64, took time.Duration, right bool) int {
	if !right {
		fmt.Fprintln(os.Stderr, "go", workload+": wrong result")
		return 1
	}
	fmt.Printf("go %s %d %.6f %.2f\n", workload, count, took.Seconds(),
		float64(took.Nanoseconds())/float64(count))
	return 0
}

func flow(workload string, count uint64, size int, ends uint64) int {
	var senders, receivers sync.WaitGroup
	ch := make(chan uint64, size)
	share := count / ends
	counts, sums := make([]uint64, 8*ends), make([]uint64, 8*ends)
	began := time.Now()
	for i := uint64(0); i < ends; i++ {
		receivers.Add(1)
		go func(i uint64) {
			defer receivers.Done()
			var count, sum uint64
			for v := range ch {
				count++
				sum += v
			}
			counts[8*i], sums[8*i] = count, sum
		}(i)
	}
	for i := uint64(0); i < ends; i++ {
		senders.Add(1)
		go func(i uint64) {
			defer senders.Done()
			for v := share*i + 1; v <= share*(i+1); v++ {
				ch <- v
			}
		}(i)
	}
	senders.Wait()
	close(ch)
	receivers.Wait()
	took := time.Since(began)
	var got, sum uint64
	for i := range counts {
		got += counts[i]
		sum += sums[i]
	}
	count = share * ends
	return result(workload, count, took, got == count && sum == triangle(count))
}

func pingPong(workload string, count uint64) int {
	there, back := make(chan uint64), make(chan uint64)
	go func() {
		for v := range there {
			back <- v + 1
		}
	}()
	var sum uint64
	began := time.Now()
	for i := uint64(1); i <= count; i++ {
		there <- i
		sum += <-back
	}
	took := time.Since(began)
	close(there)
	return result(workload, count, took, sum == triangle(count)+count)
}

func selectOfFour(workload string, count uint64) int {
	var ch [4]chan uint64
	share := count / 4
	count = share * 4
	began := time.Now()
	for i := range ch {
		ch[i] = make(chan uint64, 16)
		go func(to chan uint64, first uint64) {
			for v := first; v < first+share; v++ {
				to <- v
			}
		}(ch[i], share*uint64(i)+1)
	}
	var sum uint64
	for i := uint64(0); i < count; i++ {
		select {
		case v := <-ch[0]:
			sum += v
		case v := <-ch[1]:
			sum += v
		case v := <-ch[2]:
			sum += v
		case v := <-ch[3]:
			sum += v
		}
	}
	return result(workload, count, time.Since(began), sum == triangle(count))
}

func selectDone(workload string, count uint64) int {
	done, ch := make(chan struct{}), make(chan uint64, capacity)
	began := time.Now()
	go func() {
		defer close(ch)
		for v := uint64(1); v <= count; v++ {
			select {
			case ch <- v:
			case <-done:
				return
			}
		}
	}()
	var got, sum uint64
	for open := true; open; {
		select {
		case v, ok := <-ch:
			if open = ok; ok {
				got++
				sum += v
			}
		case <-done:
			open = false
		}
	}
	return result(workload, count, time.Since(began),
		got == count && sum == triangle(count))
}

func spinHash(x uint64, rounds int) uint64 {
	for i := 0; i < rounds; i++ {
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
	}
	return x
}

func first(it *item, rounds int) {
	var wrong uint64
	if it.err != nil {
		return
	}
	if rounds > 0 && spinHash(it.value, rounds) == 0 {
		wrong = 1
	}
	it.value = 3*it.value + 1 + wrong
}

func second(it *item, rounds int) {
	var wrong uint64
	if it.err != nil {
		return
	}
	if rounds > 0 && spinHash(it.value, rounds) == 0 {
		wrong = 1
	}
	it.value += it.id + wrong
}

func send(done chan struct{}, to chan *item, it *item) bool {
	select {
	case to <- it:
		return true
	case <-done:
		return false
	}
}

func stage(done chan struct{}, in chan *item, workers, rounds int,
	fn func(*item, int)) chan *item {
	var all sync.WaitGroup
	out := make(chan *item, capacity)
	for i := 0; i < workers; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				select {
				case it, ok := <-in:
					if !ok {
						return
					}
					fn(it, rounds)
					if !send(done, out, it) {
						return
					}
				case <-done:
					return
				}
			}
		}()
	}
	go func() {
		all.Wait()
		close(out)
	}()
	return out
}

func pipeline(workload string, count uint64) int {
	rounds := 0
	if strings.HasPrefix(workload, "pipeline-work") {
		rounds = work
	}
	done, source := make(chan struct{}), make(chan *item, capacity)
	began := time.Now()
	go func() {
		defer close(source)
		for id := uint64(0); id < count; id++ {
			it := &item{id: id, value: id + 1}
			if id%marked == marked-1 {
				it.err = errMarked
			}
			if !send(done, source, it) {
				return
			}
		}
	}()
	last := stage(done, stage(done, source, 4, rounds, first), 2, rounds, second)
	var got, errors, values, ids uint64
	for open := true; open; {
		select {
		case it, ok := <-last:
			if open = ok; ok {
				got++
				if it.err != nil {
					errors++
				}
				values += it.value
				ids += it.id
			}
		case <-done:
			open = false
		}
	}
	took := time.Since(began)
	var expected uint64
	for id := uint64(0); id < count; id++ {
		if id%marked == marked-1 {
			expected += id + 1
		} else {
			expected += 4*id + 4
		}
	}
	return result(workload, count, took, got == count &&
		errors == count/marked && values == expected && ids == triangle(count-1))
}

func main() {
	if len(os.Args) < 3 {
		os.Exit(2)
	}
	workload := os.Args[1]
	count, _ := strconv.ParseUint(os.Args[2], 10, 64)
	status := 2
	switch workload {
	case "spsc-buf":
		status = flow(workload, count, capacity, 1)
	case "mpmc-buf":
		status = flow(workload, count, capacity, 2)
	case "mpmc-4x4":
		status = flow(workload, count, capacity, 4)
	case "unbuf":
		status = flow(workload, count, 0, 1)
	case "pingpong":
		status = pingPong(workload, count)
	case "select":
		status = selectOfFour(workload, count)
	case "select-done":
		status = selectDone(workload, count)
	case "pipeline", "pipeline-work":
		status = pipeline(workload, count)
	}
	os.Exit(status)
}
