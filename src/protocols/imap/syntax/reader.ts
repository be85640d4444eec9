/**
 * A cursor over the segments of one command. Its methods carry the names of the grammar (RFC 9051 §9) and either
 * consume that element or raise a SyntaxFault, which never leaves parseCommand. Text is read as latin1, so that an
 * offset is a byte; UTF-8 is decoded where the grammar allows it.
 */
import { isUtf8 } from 'node:buffer'
import type { LiteralSegment, Segment } from './framing.ts'
import { imapSyntaxLimits } from './limits.ts'
import {
  canonicalMailboxName,
  decodeMailboxText,
  hierarchyDelimiter,
  isMailboxName,
  type MailboxName,
  type MailboxNameEncoding,
} from './mailbox-name.ts'

/** BAD is a line outside the grammar; NO is a line inside it that can never succeed, with its response code. */
export class SyntaxFault extends Error {
  readonly condition: 'BAD' | 'NO'
  readonly code: string | null

  constructor(condition: 'BAD' | 'NO', code: string | null, text: string) {
    super(text)
    this.condition = condition
    this.code = code
  }
}

const atomPattern = /[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+/y
const astringPattern = /[!#$&'+,\-./0-9:;<=>?@A-Z[\]^_`a-z|}~]+/y
const listPattern = /[!#$%&'*+,\-./0-9:;<=>?@A-Z[\]^_`a-z|}~]+/y
const quotedPattern = /"([^"\\\0\r\n]*(?:\\["\\][^"\\\0\r\n]*)*)"/y
const wordPattern = /[A-Za-z][A-Za-z0-9.-]*/y
const digitsPattern = /\d{1,20}/y
const base64Pattern = /(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?/y

/** RFC 9051 §9: the largest number, nz-number and UID. */
export const uint32Max = 0xffff_ffff
const int63Max = 0x7fff_ffff_ffff_ffffn

export class Reader {
  readonly #segments: readonly Segment[]
  readonly #encoding: MailboxNameEncoding
  #index = 0
  #text = ''
  #at = 0

  constructor(segments: readonly Segment[], encoding: MailboxNameEncoding) {
    this.#segments = segments
    this.#encoding = encoding
    const first = segments[0]
    if (first?.kind === 'text') {
      this.#text = first.bytes.toString('latin1')
      this.#index = 1
    }
  }

  fail(text: string): never {
    throw new SyntaxFault('BAD', null, text)
  }

  refuse(code: string, text: string): never {
    throw new SyntaxFault('NO', code, text)
  }

  atEnd(): boolean {
    return this.#at === this.#text.length && this.#index === this.#segments.length
  }

  end(): void {
    if (!this.atEnd()) this.fail('Unexpected text after the arguments')
  }

  /** The next character of the text, '' before a literal and at the end. */
  peek(): string {
    return this.#text.charAt(this.#at)
  }

  /** `pattern` is sticky. */
  match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found !== null) this.#at += found[0].length
    return found
  }

  skip(char: string): boolean {
    if (this.peek() !== char) return false
    this.#at += 1
    return true
  }

  expect(char: string): void {
    if (!this.skip(char)) this.fail(`Expected ${char === ' ' ? 'a space' : char}`)
  }

  space(): void {
    this.expect(' ')
  }

  /** A word of the protocol in upper case: letters, digits, "." and "-". */
  word(expected: string): string {
    const [word] = this.match(wordPattern) ?? this.fail(`Expected ${expected}`)
    return word.toUpperCase()
  }

  /** Consumes `word` (upper case) when it comes next and ends there. */
  skipWord(word: string): boolean {
    const before = this.#at
    if (this.match(wordPattern)?.[0].toUpperCase() === word) return true
    this.#at = before
    return false
  }

  /** tag = 1*<any ASTRING-CHAR except "+"> */
  tag(): string {
    const found = this.match(astringPattern)?.[0]
    if (found === undefined || found.includes('+')) return this.fail('Expected a tag')
    return found
  }

  atom(): string {
    const [atom] = this.match(atomPattern) ?? this.fail('Expected an atom')
    return atom
  }

  astring(): string {
    return this.#utf8(this.astringBytes())
  }

  /** The octets, where a charset is named elsewhere (SEARCH). */
  astringBytes(): Buffer {
    const atom = this.match(astringPattern)
    return atom === null ? this.stringBytes('a string') : Buffer.from(atom[0], 'latin1')
  }

  string(): string {
    return this.#utf8(this.stringBytes('a string'))
  }

  nstring(): string | null {
    return this.skipWord('NIL') ? null : this.string()
  }

  /** Octets 1 to 255 of a quoted string or a literal. */
  stringBytes(expected: string): Buffer {
    const quoted = this.match(quotedPattern)?.[1]
    if (quoted !== undefined) return Buffer.from(quoted.replace(/\\(.)/g, '$1'), 'latin1')
    if (!this.literalAhead()) return this.fail(`Expected ${expected}`)
    const literal = this.literal()
    if (literal.kind === 'streamed') return this.fail('Literal too large')
    if (literal.binary || literal.bytes.includes(0)) return this.fail('NUL and literal8 are not allowed here')
    return literal.bytes
  }

  literalAhead(): boolean {
    return this.#at === this.#text.length && this.#segments[this.#index] !== undefined
  }

  /** Whether the literal ahead is streamed: its octets are not here. */
  streamedAhead(): boolean {
    return this.literalAhead() && this.#segments[this.#index]?.kind === 'streamed'
  }

  /** literal or literal8, in whatever way the connection took it. */
  literal(): LiteralSegment {
    const segment = this.#segments[this.#index]
    if (!this.literalAhead() || segment === undefined || segment.kind === 'text')
      return this.fail('Expected a literal')
    const following = this.#segments[this.#index + 1]
    this.#text = following?.kind === 'text' ? following.bytes.toString('latin1') : ''
    this.#index += following?.kind === 'text' ? 2 : 1
    this.#at = 0
    return segment
  }

  /** RFC 9051 `number`: 32 bits. */
  number(): number {
    const value = Number(this.#digits())
    return value <= uint32Max ? value : this.fail('Number too large')
  }

  nzNumber(): number {
    return this.number() || this.fail('Expected a number above 0')
  }

  /** 63 bits on the wire; above the largest exact number it is that number, as no size or offset comes near it. */
  number64(): number {
    return Math.min(Number(this.modSeq()), Number.MAX_SAFE_INTEGER)
  }

  /** mod-sequence-valzer, RFC 7162 §7: 63 bits. */
  modSeq(): bigint {
    const value = BigInt(this.#digits())
    return value <= int63Max ? value : this.fail('Number too large')
  }

  /** "(" [item *(SP item)] ")" */
  list<Item>(itemsMax: number, item: () => Item): Item[] {
    const items: Item[] = []
    this.expect('(')
    if (this.skip(')')) return items
    do {
      if (items.length >= itemsMax) this.fail('List too long')
      items.push(item())
    } while (this.skip(' '))
    this.expect(')')
    return items
  }

  /** A list that has at least one item. */
  nonEmptyList<Item>(itemsMax: number, item: () => Item): Item[] {
    const items = this.list(itemsMax, item)
    return items.length > 0 ? items : this.fail('The list is empty')
  }

  /** Padded base64; "=" alone is the empty string (RFC 4959 §3). */
  base64(): Buffer {
    const text = this.match(base64Pattern)?.[0] ?? ''
    if (text === '') this.expect('=')
    return Buffer.from(text, 'base64')
  }

  mailbox(): MailboxName {
    return this.mailboxFrom(this.mailboxText())
  }

  mailboxFrom(text: string): MailboxName {
    const name = canonicalMailboxName(text)
    return isMailboxName(name) ? name : this.refuse('CANNOT', 'No mailbox can have that name')
  }

  /** CREATE may end in the delimiter: a name under which others will come (RFC 9051 §6.3.4). */
  mailboxToCreate(): MailboxName {
    const text = this.mailboxText()
    return this.mailboxFrom(text.endsWith(hierarchyDelimiter) ? text.slice(0, -1) : text)
  }

  /** Unicode without the rules for names: LIST's reference may be empty or end in the delimiter. */
  mailboxText(): string {
    const wire = this.astringBytes().toString('latin1')
    return (
      decodeMailboxText(wire, this.#encoding) ?? this.refuse('CANNOT', 'Mailbox name is not well encoded')
    )
  }

  /** list-mailbox = 1*list-char / string. What cannot be decoded stays as it is, and matches nothing. */
  listMailbox(): string {
    const wire = this.match(listPattern)?.[0] ?? this.stringBytes('a list pattern').toString('latin1')
    if (wire.length > imapSyntaxLimits.listPatternBytesMax) this.fail('Pattern too long')
    return decodeMailboxText(wire, this.#encoding) ?? wire
  }

  #digits(): string {
    const [digits] = this.match(digitsPattern) ?? this.fail('Expected a number')
    return digits
  }

  #utf8(bytes: Buffer): string {
    return isUtf8(bytes) ? bytes.toString('utf8') : this.fail('Text is not UTF-8')
  }
}
