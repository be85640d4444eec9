/** Replies of an SMTP server (RFC 5321 §4.2), as they come: a parser that knows nothing of sockets. */

export type Reply = {
  code: number
  /** RFC 3463, of the first line that has one; null when none has. */
  enhanced: string | null
  /** Each line without its code. */
  lines: readonly string[]
}

export type ReplyParser = {
  /** @returns the replies that are whole now; 'broken' once, when what came is not SMTP: nothing more can be read. */
  push(bytes: Buffer): Reply[] | 'broken'
}

// RFC 5321 §4.5.3.1.5 has 512 bytes for a line; servers with long reasons exceed it.
const lineBytesMax = 4096
const linesMax = 200

// §4.2: three digits, then a space, or a hyphen when more lines follow. Some servers leave out the space at the end.
const linePattern = /^([2-5]\d\d)(?:([ -])(.*))?$/s

export function createReplyParser(): ReplyParser {
  let held: Buffer = Buffer.alloc(0)
  let code: number | null = null
  let lines: string[] = []
  let isBroken = false

  const takeLine = (line: string, done: Reply[]): boolean => {
    const match = linePattern.exec(line)
    const number = Number(match?.[1])
    // §4.2.1: all lines of a reply have one code.
    if (!match || (code !== null && number !== code) || lines.length >= linesMax) return false
    code = number
    lines.push(match[3] ?? '')
    if (match[2] === '-') return true
    done.push({ code, enhanced: enhancedCode(code, lines), lines })
    code = null
    lines = []
    return true
  }

  return {
    push(bytes) {
      if (isBroken) return 'broken'
      held = held.length === 0 ? bytes : Buffer.concat([held, bytes])
      const done: Reply[] = []
      let start = 0
      for (let end = held.indexOf(0x0a); end !== -1; end = held.indexOf(0x0a, start)) {
        const text = held.toString('utf8', start, held[end - 1] === 0x0d && end > start ? end - 1 : end)
        if (end - start > lineBytesMax || !takeLine(text, done)) {
          isBroken = true
          return done.length > 0 ? done : 'broken'
        }
        start = end + 1
      }
      held = held.subarray(start)
      if (held.length > lineBytesMax) isBroken = true
      return isBroken && done.length === 0 ? 'broken' : done
    },
  }
}

// RFC 2034 §4: it stands at the start of every line, and its class is that of the reply.
const enhancedPattern = /^([245]\.\d{1,3}\.\d{1,3})(?= |$)/

function enhancedCode(code: number, lines: readonly string[]): string | null {
  for (const line of lines) {
    const found = enhancedPattern.exec(line)?.[1]
    if (found !== undefined && found[0] === String(code)[0]) return found
  }
  return null
}

/** All lines on one, without the enhanced codes that each repeats. */
export function replyText({ enhanced, lines }: Reply): string {
  return lines
    .map((line) =>
      enhanced !== null && line.startsWith(enhanced) ? line.slice(enhanced.length).trimStart() : line,
    )
    .join(' ')
    .trim()
}

/** Word for word, as a person would read it in a log: `550 5.1.1 No such user`. */
export function replyLine(reply: Reply): string {
  return [reply.code, reply.enhanced, replyText(reply)]
    .filter((part) => part !== null && part !== '')
    .join(' ')
}
