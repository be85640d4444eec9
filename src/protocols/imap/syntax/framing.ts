/**
 * Turns the bytes of a connection into commands (RFC 9051 §4.3 literals, RFC 7888 LITERAL+/-, RFC 3516 literal8).
 *
 * The owner pushes chunks and pulls events, so pipelined commands wait inside until the owner asks again:
 *   text -> (line end) -> command
 *   text -> (line ends in {n}) -> announced -> acceptLiteral -> buffering | streaming -> text
 *   announced -> refuseLiteral -> text (synchronizing) | discarding -> text (non-synchronizing)
 *   text -> line-too-long -> discarding -> text
 *   expectLine -> raw line -> text
 * out-of-step is final: the connection cannot be kept in step and must close.
 */
import { createByteQueue } from './byte-queue.ts'
import { imapSyntaxLimits } from './limits.ts'

/** The announcement ({n}, {n+}, ~{n}) is not part of the text before a literal. */
export type Segment = { kind: 'text'; bytes: Buffer } | LiteralSegment

export type LiteralSegment =
  | { kind: 'literal'; bytes: Buffer; binary: boolean }
  | { kind: 'streamed'; sizeBytes: number; binary: boolean }

export type LiteralAnnounced = {
  kind: 'literal-announced'
  segmentsSoFar: readonly Segment[]
  sizeBytes: number
  /** The client waits for `+` before it sends (RFC 9051 §4.3). */
  synchronizing: boolean
  /** literal8, RFC 3516. */
  binary: boolean
  /** Small enough for acceptLiteral('buffer'). */
  bufferable: boolean
}

export type FramerEvent =
  | { kind: 'command'; segments: readonly Segment[] }
  | LiteralAnnounced
  | { kind: 'literal-chunk'; bytes: Buffer }
  | { kind: 'literal-end' }
  | { kind: 'line'; bytes: Buffer }
  /** Answer BAD; the rest of the line is discarded by the following next(). */
  | { kind: 'line-too-long'; segmentsSoFar: readonly Segment[] }
  /** Send BYE and close. `cause`: what was too much to be thrown away. */
  | { kind: 'out-of-step'; cause: 'line' | 'literal' }

export type Framer = {
  /** Takes ownership of the chunk. */
  push(chunk: Buffer): void
  /** The next event, or null when more bytes or an answer to `literal-announced` are needed. */
  next(): FramerEvent | null
  /** Throws on a literal that is not `bufferable`, or when none is announced: the owner's defect. */
  acceptLiteral(how: 'buffer' | 'stream'): void
  /** Drops the command. The owner sends the tagged NO or BAD. */
  refuseLiteral(): void
  /** The next line is no command: AUTHENTICATE continuations, IDLE's DONE. Only between commands. */
  expectLine(): void
  /** Bytes pushed and not yet consumed: pause the socket when it grows. */
  readonly bufferedBytes: number
  /** Removes what is buffered: STARTTLS throws it away (RFC 9051 §6.2.1), COMPRESS inflates it. */
  takeBuffered(): Buffer
}

export type FramerLimits = {
  commandTextBytesMax: number
  literalBufferedBytesMax: number
  literalsBufferedMax: number
  literalsBufferedTotalBytesMax: number
  discardBytesMax: number
}

type Announcement = { sizeBytes: number; synchronizing: boolean; binary: boolean }

type State =
  | { name: 'text' }
  | { name: 'raw-line' }
  | { name: 'announced'; literal: Announcement }
  | { name: 'buffering'; into: Buffer; filled: number; binary: boolean }
  | { name: 'streaming'; left: number }
  | { name: 'discarding-literal'; left: number }
  /** `tail` holds the last bytes of the line so far: a non-synchronizing literal may end it. */
  | { name: 'discarding-line'; tail: Buffer; literals: boolean }
  | { name: 'out-of-step'; cause: 'line' | 'literal' }

const announcementBytesMax = 24 // ~{, 20 digits, +}
const announcementPattern = /(~?)\{(\d{1,20})(\+?)\}$/

export function createFramer(limits: FramerLimits = imapSyntaxLimits): Framer {
  const queue = createByteQueue()
  let state: State = { name: 'text' }
  let segments: Segment[] = []
  let textBytes = 0
  let literalsBuffered = 0
  let literalBytesBuffered = 0
  let discardedBytes = 0

  function startCommand(): void {
    state = { name: 'text' }
    segments = []
    textBytes = 0
    literalsBuffered = 0
    literalBytesBuffered = 0
    discardedBytes = 0
  }

  function isBufferable(sizeBytes: number): boolean {
    return (
      sizeBytes <= limits.literalBufferedBytesMax &&
      literalsBuffered < limits.literalsBufferedMax &&
      literalBytesBuffered + sizeBytes <= limits.literalsBufferedTotalBytesMax
    )
  }

  function tooLong(budget: number, literals: boolean): FramerEvent {
    const segmentsSoFar: Segment[] = [...segments, { kind: 'text', bytes: queue.peek(budget) }]
    startCommand()
    state = { name: 'discarding-line', tail: Buffer.alloc(0), literals }
    return { kind: 'line-too-long', segmentsSoFar }
  }

  /** One line without its end, null when it has not arrived, or the event when it is too long. */
  function takeLine(budget: number, literals: boolean): Buffer | FramerEvent | null {
    const at = queue.indexOfLineFeed()
    if ((at === -1 ? queue.length : at) > budget) return tooLong(budget, literals)
    if (at === -1) return null
    return withoutCarriageReturn(queue.take(at + 1).subarray(0, at))
  }

  function readText(): FramerEvent | null {
    const line = takeLine(limits.commandTextBytesMax - textBytes, true)
    if (!Buffer.isBuffer(line)) return line
    textBytes += line.length
    const literal = announcementAtEnd(line)
    if (literal === null) {
      segments.push({ kind: 'text', bytes: line })
      const event: FramerEvent = { kind: 'command', segments }
      startCommand()
      return event
    }
    segments.push({ kind: 'text', bytes: line.subarray(0, line.length - literal.announcementBytes) })
    const { sizeBytes, synchronizing, binary } = literal
    state = { name: 'announced', literal: { sizeBytes, synchronizing, binary } }
    const bufferable = isBufferable(sizeBytes)
    // A copy: the owner may keep it while the command grows.
    const segmentsSoFar = [...segments]
    return { kind: 'literal-announced', segmentsSoFar, sizeBytes, synchronizing, binary, bufferable }
  }

  function readRawLine(): FramerEvent | null {
    const line = takeLine(limits.commandTextBytesMax, false)
    if (!Buffer.isBuffer(line)) return line
    startCommand()
    return { kind: 'line', bytes: line }
  }

  function discardLine(tail: Buffer, literals: boolean): FramerEvent | 'again' | null {
    const at = queue.indexOfLineFeed()
    const piece = queue.take(at === -1 ? queue.length : at)
    if (at !== -1) queue.take(1)
    discardedBytes += piece.length
    if (discardedBytes > limits.discardBytesMax) return loseStep('line')
    const end = Buffer.concat([tail, piece.subarray(-announcementBytesMax - 1)]).subarray(
      -announcementBytesMax - 1,
    )
    if (at === -1) {
      state = { name: 'discarding-line', tail: end, literals }
      return null
    }
    const literal = literals ? announcementAtEnd(withoutCarriageReturn(end)) : null
    if (literal === null || literal.synchronizing) {
      startCommand() // a synchronizing client sees our BAD and sends no literal
      return 'again'
    }
    return discardLiteral(literal.sizeBytes)
  }

  function discardLiteral(sizeBytes: number): FramerEvent | 'again' {
    discardedBytes += sizeBytes
    if (discardedBytes > limits.discardBytesMax) return loseStep('literal')
    state = { name: 'discarding-literal', left: sizeBytes }
    return 'again'
  }

  function loseStep(cause: 'line' | 'literal'): FramerEvent {
    state = { name: 'out-of-step', cause }
    return { kind: 'out-of-step', cause }
  }

  function bufferLiteral(literal: { into: Buffer; filled: number; binary: boolean }): 'again' | null {
    literal.filled += queue.take(literal.into.length - literal.filled).copy(literal.into, literal.filled)
    if (literal.filled < literal.into.length) return null
    segments.push({ kind: 'literal', bytes: literal.into, binary: literal.binary })
    state = { name: 'text' }
    return 'again'
  }

  function streamLiteral(literal: { left: number }): FramerEvent | null {
    if (literal.left === 0) {
      state = { name: 'text' }
      return { kind: 'literal-end' }
    }
    const bytes = queue.take(literal.left)
    literal.left -= bytes.length
    return bytes.length === 0 ? null : { kind: 'literal-chunk', bytes }
  }

  function step(): FramerEvent | 'again' | null {
    switch (state.name) {
      case 'text':
        return readText()
      case 'raw-line':
        return readRawLine()
      case 'announced':
        return null
      case 'buffering':
        return bufferLiteral(state)
      case 'streaming':
        return streamLiteral(state)
      case 'discarding-literal':
        state.left -= queue.take(state.left).length
        if (state.left > 0) return null
        state = { name: 'discarding-line', tail: Buffer.alloc(0), literals: true }
        return 'again'
      case 'discarding-line':
        return discardLine(state.tail, state.literals)
      case 'out-of-step':
        return { kind: 'out-of-step', cause: state.cause }
    }
  }

  function announced(): Announcement {
    if (state.name !== 'announced') throw new Error('no literal is announced')
    return state.literal
  }

  return {
    push: (chunk) => queue.push(chunk),
    next() {
      for (;;) {
        const result = step()
        if (result !== 'again') return result
      }
    },
    acceptLiteral(how) {
      const { sizeBytes, binary } = announced()
      if (how === 'stream') {
        segments.push({ kind: 'streamed', sizeBytes, binary })
        state = { name: 'streaming', left: sizeBytes }
        return
      }
      if (!isBufferable(sizeBytes)) throw new Error('the literal is not bufferable')
      literalsBuffered += 1
      literalBytesBuffered += sizeBytes
      state = { name: 'buffering', into: Buffer.allocUnsafe(sizeBytes), filled: 0, binary }
    },
    refuseLiteral() {
      const { sizeBytes, synchronizing } = announced()
      startCommand()
      if (!synchronizing) discardLiteral(sizeBytes)
    },
    expectLine() {
      if (state.name !== 'text' || segments.length > 0) throw new Error('a command is being read')
      state = { name: 'raw-line' }
    },
    get bufferedBytes() {
      return queue.length
    },
    takeBuffered: () => queue.take(queue.length),
  }
}

function withoutCarriageReturn(line: Buffer): Buffer {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line // a bare LF ends a line too
}

function announcementAtEnd(line: Buffer): (Announcement & { announcementBytes: number }) | null {
  if (line.at(-1) !== 0x7d) return null
  const found = announcementPattern.exec(
    line.toString('latin1', Math.max(0, line.length - announcementBytesMax)),
  )
  if (found === null) return null
  return {
    // A size beyond exact numbers is refused by every owner; its exact value does not matter.
    sizeBytes: Math.min(Number(found[2]), Number.MAX_SAFE_INTEGER),
    synchronizing: found[3] === '',
    binary: found[1] === '~',
    announcementBytes: found[0].length,
  }
}
