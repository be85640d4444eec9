/** For the tests of this folder: commands as a client writes them. */
import {
  createFramer,
  type Framer,
  type FramerEvent,
  type LiteralAnnounced,
  type Segment,
} from './framing.ts'
import type { MailboxNameEncoding } from './mailbox-name.ts'
import { type ParseResult, parseCommand } from './parse-command.ts'

/** The segments of the first command in `wire` (UTF-8), every literal buffered. */
export function segmentsOf(wire: string): readonly Segment[] {
  const framer = createFramer()
  framer.push(Buffer.from(wire, 'utf8'))
  for (;;) {
    const event = framer.next()
    if (event?.kind === 'command') return event.segments
    if (event?.kind !== 'literal-announced') throw new Error(`no command but ${event?.kind}`)
    framer.acceptLiteral('buffer')
  }
}

/** Parses `a1 ` and the arguments. */
export function parseLine(line: string, encoding?: MailboxNameEncoding): ParseResult {
  return parseCommand(segmentsOf(`a1 ${line}\r\n`), encoding)
}

/** The command without its tag, or the refusal as `BAD text` or `NO [code] text`. */
export function parseBody(line: string, encoding?: MailboxNameEncoding): unknown {
  const result = parseLine(line, encoding)
  if (!result.ok)
    return [result.condition, result.code && `[${result.code}]`, result.text].filter(Boolean).join(' ')
  const { tag: _tag, ...body } = result.command
  return body
}

/** Every event there is now; `answer` decides each literal. */
export function drain(
  framer: Framer,
  answer: (event: LiteralAnnounced) => 'buffer' | 'stream' | 'refuse',
): FramerEvent[] {
  const events: FramerEvent[] = []
  for (let event = framer.next(); event !== null; event = framer.next()) {
    events.push(event)
    if (event.kind === 'out-of-step') break
    if (event.kind !== 'literal-announced') continue
    const how = answer(event)
    if (how === 'refuse') framer.refuseLiteral()
    else framer.acceptLiteral(how)
  }
  return events
}
