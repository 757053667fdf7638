// bench_crossbeam.rs - crossbeam-channel. As in any program that can be
// canceled, the pipeline and the row with cancel select on a done channel at
// each step.
// SPDX-License-Identifier: MIT
use crossbeam_channel::{bounded, never, select, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

const CAPACITY: usize = 128;
const WORK: u32 = 1400;
const MARKED: u64 = 1000;

struct Item {
    id: u64,
    value: u64,
    error: Option<&'static str>,
}

fn triangle(n: u64) -> u64 {
    n * (n + 1) / 2
}

fn result(workload: &str, count: u64, took: Duration, right: bool) -> i32 {
    if !right {
        eprintln!("crossbeam {}: wrong result", workload);
        return 1;
    }
    let ns = took.as_nanos() as f64;
    println!(
        "crossbeam {} {} {:.6} {:.2}",
        workload,
        count,
        ns / 1e9,
        ns / count as f64
    );
    0
}

fn flow(workload: &str, count: u64, capacity: usize, ends: u64) -> i32 {
    let (to, from) = bounded::<u64>(capacity);
    let share = count / ends;
    let count = share * ends;
    let began = Instant::now();
    let receivers: Vec<_> = (0..ends)
        .map(|_| {
            let from = from.clone();
            thread::spawn(move || {
                let (mut count, mut sum) = (0u64, 0u64);
                while let Ok(v) = from.recv() {
                    count += 1;
                    sum += v;
                }
                (count, sum)
            })
        })
        .collect();
    let senders: Vec<_> = (0..ends)
        .map(|i| {
            let to = to.clone();
            thread::spawn(move || {
                for v in share * i + 1..=share * (i + 1) {
                    to.send(v).unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.join().unwrap();
    }
    drop(to);
    let (mut got, mut sum) = (0, 0);
    for receiver in receivers {
        let mine = receiver.join().unwrap();
        got += mine.0;
        sum += mine.1;
    }
    let right = got == count && sum == triangle(count);
    result(workload, count, began.elapsed(), right)
}

fn ping_pong(workload: &str, count: u64) -> i32 {
    let (there, ping) = bounded::<u64>(0);
    let (back, pong) = bounded::<u64>(0);
    let other = thread::spawn(move || {
        while let Ok(v) = ping.recv() {
            back.send(v + 1).unwrap();
        }
    });
    let mut sum = 0;
    let began = Instant::now();
    for i in 1..=count {
        there.send(i).unwrap();
        sum += pong.recv().unwrap();
    }
    let took = began.elapsed();
    drop(there);
    other.join().unwrap();
    result(workload, count, took, sum == triangle(count) + count)
}

fn select_of_four(workload: &str, count: u64) -> i32 {
    let share = count / 4;
    let count = share * 4;
    let began = Instant::now();
    let mut from: Vec<Receiver<u64>> = (0..4)
        .map(|i| {
            let (to, from) = bounded(16);
            thread::spawn(move || {
                for v in share * i + 1..=share * (i + 1) {
                    to.send(v).unwrap();
                }
            });
            from
        })
        .collect();
    let (mut got, mut sum) = (0, 0);
    while got < count {
        // a closed channel is always ready: it is taken out, as one has to
        let (i, received) = select! {
            recv(from[0]) -> v => (0, v),
            recv(from[1]) -> v => (1, v),
            recv(from[2]) -> v => (2, v),
            recv(from[3]) -> v => (3, v),
        };
        match received {
            Ok(v) => {
                got += 1;
                sum += v;
            }
            Err(_) => from[i] = never(),
        }
    }
    result(workload, count, began.elapsed(), sum == triangle(count))
}

fn select_done(workload: &str, count: u64) -> i32 {
    let (_done, is_done) = bounded::<()>(0);
    let (to, from) = bounded::<u64>(CAPACITY);
    let also_done = is_done.clone();
    let began = Instant::now();
    let sender = thread::spawn(move || {
        for v in 1..=count {
            select! {
                send(to, v) -> sent => sent.unwrap(),
                recv(also_done) -> _ => return,
            }
        }
    });
    let (mut got, mut sum) = (0, 0);
    loop {
        select! {
            recv(from) -> v => match v {
                Ok(v) => {
                    got += 1;
                    sum += v;
                }
                Err(_) => break,
            },
            recv(is_done) -> _ => break,
        }
    }
    let took = began.elapsed();
    sender.join().unwrap();
    result(workload, count, took, got == count && sum == triangle(count))
}

fn spin_hash(mut x: u64, rounds: u32) -> u64 {
    for _ in 0..rounds {
        x ^= x >> 33;
        x = x.wrapping_mul(0xff51afd7ed558ccd);
    }
    x
}

fn first(item: &mut Item, rounds: u32) {
    if item.error.is_none() {
        let wrong = rounds > 0 && spin_hash(item.value, rounds) == 0;
        item.value = 3 * item.value + 1 + wrong as u64;
    }
}

fn second(item: &mut Item, rounds: u32) {
    if item.error.is_none() {
        let wrong = rounds > 0 && spin_hash(item.value, rounds) == 0;
        item.value += item.id + wrong as u64;
    }
}

fn send(done: &Receiver<()>, to: &Sender<Box<Item>>, item: Box<Item>) -> bool {
    select! {
        send(to, item) -> sent => sent.is_ok(),
        recv(done) -> _ => false,
    }
}

fn stage(
    done: &Receiver<()>,
    from: Receiver<Box<Item>>,
    workers: usize,
    rounds: u32,
    work: fn(&mut Item, u32),
) -> Receiver<Box<Item>> {
    let (to, out) = bounded(CAPACITY);
    for _ in 0..workers {
        let (done, from, to) = (done.clone(), from.clone(), to.clone());
        thread::spawn(move || loop {
            let mut item = select! {
                recv(from) -> item => match item {
                    Ok(item) => item,
                    Err(_) => return,
                },
                recv(done) -> _ => return,
            };
            work(&mut item, rounds);
            if !send(&done, &to, item) {
                return;
            }
        });
    }
    out
}

fn pipeline(workload: &str, count: u64) -> i32 {
    let rounds = if workload == "pipeline-work" { WORK } else { 0 };
    let (_done, is_done) = bounded::<()>(0);
    let (to, source) = bounded(CAPACITY);
    let began = Instant::now();
    let done = is_done.clone();
    thread::spawn(move || {
        for id in 0..count {
            let marked = id % MARKED == MARKED - 1;
            let item = Box::new(Item {
                id,
                value: id + 1,
                error: if marked { Some("marked") } else { None },
            });
            if !send(&done, &to, item) {
                return;
            }
        }
    });
    let middle = stage(&is_done, source, 4, rounds, first);
    let last = stage(&is_done, middle, 2, rounds, second);
    let (mut got, mut errors, mut values, mut ids) = (0, 0, 0u64, 0u64);
    loop {
        let item = select! {
            recv(last) -> item => match item {
                Ok(item) => item,
                Err(_) => break,
            },
            recv(is_done) -> _ => break,
        };
        got += 1;
        errors += item.error.is_some() as u64;
        values += item.value;
        ids += item.id;
    }
    let took = began.elapsed();
    let expected: u64 = (0..count)
        .map(|id| if id % MARKED == MARKED - 1 { id + 1 } else { 4 * id + 4 })
        .sum();
    let right = got == count
        && errors == count / MARKED
        && values == expected
        && ids == triangle(count - 1);
    result(workload, count, took, right)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.len() < 3 {
        std::process::exit(2);
    }
    let workload = args[1].as_str();
    let count: u64 = args[2].parse().unwrap_or(0);
    std::process::exit(match workload {
        "spsc-buf" => flow(workload, count, CAPACITY, 1),
        "mpmc-buf" => flow(workload, count, CAPACITY, 2),
        "mpmc-4x4" => flow(workload, count, CAPACITY, 4),
        "unbuf" => flow(workload, count, 0, 1),
        "pingpong" => ping_pong(workload, count),
        "select" => select_of_four(workload, count),
        "select-done" => select_done(workload, count),
        "pipeline" | "pipeline-work" => pipeline(workload, count),
        _ => 2,
    });
}
