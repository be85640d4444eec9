/**
 * Scripts of IMAP: what clients send and what the server answers, line by line, in text files.
 *
 *   == STORE tells the new flags (RFC 9051 §6.4.6)      a script begins with its title
 *   messages: 3                                         INBOX has so many messages; others are in imap-script-run.ts
 *   before: APPEND Sent (\Seen) {{…}}                    a connection before all others does this; any number of them
 *   A> STORE 1 +FLAGS (\Flagged)                        A sends a command; its tag is put before it
 *   A< * 1 FETCH (FLAGS (\Flagged \Recent))             the next thing that A gets
 *   A< OK …                                             a tagged answer is written without its tag
 *   B< * 1 FETCH (FLAGS (\Flagged))                     another connection, to the same mailbox
 *
 * `A>> DONE` is sent without a tag. `…` stands for any text, `<name>` for a word that must be the same wherever the
 * name occurs, and may be sent; `<tag>` is the tag of the last command. `A< ...` passes over any untagged responses
 * before the next expected one. `A! tls` and `A! deflate` are done to the connection once the answer has said so.
 * `\r\n`, `\0`, `\xHH` and `\xHH*N` (N of them) are escapes. `{{text}}` is a literal: a non-synchronizing one where it
 * is sent. A line that starts with # is a comment; a line of spaces and more text continues the line before.
 */

export type ScriptStep = { line: number; who: string; text: string } & {
  kind: 'command' | 'raw' | 'expect' | 'skip' | 'layer'
}

export type ImapScript = {
  title: string
  line: number
  /** Settings before the first step, such as `messages: 3`. */
  settings: ReadonlyMap<string, string>
  /** Commands that must succeed before the first step. */
  before: string[]
  steps: ScriptStep[]
}

const stepPattern = /^([A-Z])(>>|>|<|!) ?(.*)$/
const settingPattern = /^([a-z-]+): (.*)$/

/** @throws Error with the line's number where the text is no script. */
export function parseImapScripts(text: string): ImapScript[] {
  const scripts: Unfinished[] = []
  text.split('\n').forEach((raw, index) => {
    const line = index + 1
    if (raw.trim() === '' || raw.startsWith('#')) return
    const script = scripts.at(-1)
    if (raw.startsWith('== ')) {
      scripts.push({ title: raw.slice(3).trim(), line, settings: new Map(), before: [], steps: [] })
      return
    }
    if (script === undefined) throw new Error(`line ${line}: a script begins with ==`)
    const last = script.steps.at(-1)
    if (raw.startsWith(' ')) continueLine(script, raw.trimStart(), line)
    else if (last === undefined && settingPattern.test(raw)) addSetting(script, raw)
    else script.steps.push(parseStep(raw, line))
  })
  return scripts
}

type Unfinished = ImapScript & { settings: Map<string, string> }

function addSetting(script: Unfinished, raw: string): void {
  const [, name = '', value = ''] = settingPattern.exec(raw) ?? []
  if (name === 'before') script.before.push(value)
  else script.settings.set(name, value)
}

function continueLine({ steps, before }: Unfinished, more: string, line: number): void {
  const step = steps.at(-1)
  if (step !== undefined) step.text += more
  else if (before.length > 0) before.push(`${before.pop()}${more}`)
  else throw new Error(`line ${line}: there is no line to continue`)
}

function parseStep(raw: string, line: number): ScriptStep {
  const [, who = '', arrow, text = ''] = stepPattern.exec(raw) ?? []
  if (arrow === '>') return { line, who, text, kind: 'command' }
  if (arrow === '>>') return { line, who, text, kind: 'raw' }
  if (arrow === '!') return { line, who, text, kind: 'layer' }
  if (arrow === '<') return { line, who, text, kind: text === '...' ? 'skip' : 'expect' }
  throw new Error(`line ${line}: neither a setting nor a step: ${raw}`)
}

export type Words = Map<string, string>

/** What is sent: escapes and names replaced, `{{text}}` a literal. A character is a byte. */
export function renderSent(text: string, words: Words): string {
  const named = text.replace(/<([a-z][a-z0-9-]*)>/g, (whole, name: string) => words.get(name) ?? whole)
  return withLiterals(toWire(named), '+')
}

function withLiterals(bytes: string, kind: '' | '+'): string {
  return bytes.replace(/\{\{(.*?)\}\}/gs, (_, content: string) => `{${content.length}${kind}}\r\n${content}`)
}

const anyText = toWire('…')
const anyTextOrName = new RegExp(`(${anyText}|<[a-z][a-z0-9-]*>)`)

/** Whether a response is the expected one; names that are new get their word. */
export function matchExpected(pattern: string, response: string, words: Words): boolean {
  const fresh: string[] = []
  const source = withLiterals(toWire(pattern), '')
    .split(anyTextOrName)
    .map((piece) => {
      if (piece === anyText) return '.*?'
      const name = /^<([a-z][a-z0-9-]*)>$/.exec(piece)?.[1]
      if (name === undefined) return escapeForPattern(piece)
      const known = words.get(name)
      if (known !== undefined) return escapeForPattern(known)
      if (fresh.includes(name)) return `\\k<w${fresh.indexOf(name)}>`
      fresh.push(name)
      return `(?<w${fresh.length - 1}>[^\\s()\\[\\]"]+)`
    })
    .join('')
  const match = new RegExp(`^${source}$`, 's').exec(response)
  if (match === null) return false
  fresh.forEach((name, at) => {
    words.set(name, match.groups?.[`w${at}`] ?? '')
  })
  return true
}

/** A character of it is a byte. */
function toWire(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replaceAll('\\r\\n', '\r\n')
    .replaceAll('\\0', '\0')
    .replace(/\\x([0-9a-f]{2})(?:\*(\d+))?/g, (_, hex: string, times = '1') =>
      String.fromCharCode(Number.parseInt(hex, 16)).repeat(Number(times)),
    )
}

function escapeForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
