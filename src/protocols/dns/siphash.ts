/** SipHash-2-4 with 64 bits of output (Aumasson and Bernstein, 2012), which RFC 9018 makes server cookies with. */

/** The state: four words of 64 bits, each as two halves of 32. */
type State = Int32Array

/** @param key 16 bytes. @returns 8 bytes, the least significant first. */
export function sipHash24(key: Buffer, message: Buffer): Buffer {
  const k = [0, 4, 8, 12].map((at) => key.readInt32LE(at))
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = k
  // "somepseudorandomlygeneratedbytes"
  const v: State = Int32Array.of(
    k0 ^ 0x70736575,
    k1 ^ 0x736f6d65,
    k2 ^ 0x6e646f6d,
    k3 ^ 0x646f7261,
    k0 ^ 0x6e657261,
    k1 ^ 0x6c796765,
    k2 ^ 0x79746573,
    k3 ^ 0x74656462,
  )
  const whole = message.length & ~7
  for (let at = 0; at < whole; at += 8) compress(v, message.readInt32LE(at), message.readInt32LE(at + 4))
  const last = Buffer.alloc(8)
  message.copy(last, 0, whole)
  last[7] = message.length & 0xff
  compress(v, last.readInt32LE(0), last.readInt32LE(4))
  v[4] = (v[4] ?? 0) ^ 0xff
  for (let round = 0; round < 4; round++) sipRound(v)
  const out = Buffer.alloc(8)
  out.writeInt32LE((v[0] ?? 0) ^ (v[2] ?? 0) ^ (v[4] ?? 0) ^ (v[6] ?? 0), 0)
  out.writeInt32LE((v[1] ?? 0) ^ (v[3] ?? 0) ^ (v[5] ?? 0) ^ (v[7] ?? 0), 4)
  return out
}

function compress(v: State, low: number, high: number): void {
  v[6] = (v[6] ?? 0) ^ low
  v[7] = (v[7] ?? 0) ^ high
  sipRound(v)
  sipRound(v)
  v[0] = (v[0] ?? 0) ^ low
  v[1] = (v[1] ?? 0) ^ high
}

function sipRound(v: State): void {
  add(v, 0, 2)
  rotateXor(v, 2, 13, 0)
  swap(v, 0)
  add(v, 4, 6)
  rotateXor(v, 6, 16, 4)
  add(v, 0, 6)
  rotateXor(v, 6, 21, 0)
  add(v, 4, 2)
  rotateXor(v, 2, 17, 4)
  swap(v, 4)
}

/** v[to] += v[from]; each index is that of a word's lower half. */
function add(v: State, to: number, from: number): void {
  const low = ((v[to] ?? 0) >>> 0) + ((v[from] ?? 0) >>> 0)
  v[to + 1] = (v[to + 1] ?? 0) + (v[from + 1] ?? 0) + (low > 0xffffffff ? 1 : 0)
  v[to] = low
}

/** Rotates v[at] left by fewer than 32 bits, then xors v[by] into it. */
function rotateXor(v: State, at: number, bits: number, by: number): void {
  const low = v[at] ?? 0
  const high = v[at + 1] ?? 0
  v[at] = ((low << bits) | (high >>> (32 - bits))) ^ (v[by] ?? 0)
  v[at + 1] = ((high << bits) | (low >>> (32 - bits))) ^ (v[by + 1] ?? 0)
}

/** Rotates v[at] by 32 bits. */
function swap(v: State, at: number): void {
  const low = v[at] ?? 0
  v[at] = v[at + 1] ?? 0
  v[at + 1] = low
}
