/**
 * One-time codes in a message: what a person would copy out of it to sign in or to confirm an address. Each number that has
 * the shape of a code is weighed by the words around it. Everything is one pass over the text.
 */
import { type Cue, findCues, saysPurpose } from './code-cues.ts'
import { findShapes, type Shape, type ShapeKind, withoutAddresses } from './code-shapes.ts'
import { seenText } from './seen-text.ts'

export { findLinks } from './links.ts'

export type FoundIn = 'subject' | 'text' | 'html'

/** What codes and links are looked for in; the HTML as the sender wrote it, the subject decoded. */
export type CodeSource = { subject: string | null; text: string | null; html: string | null }

export type FoundCode = {
  /** As a person would enter it: `123 456` is `123456`, `G-123456` and `ABC-DEF` stay. */
  code: string
  /** From 0 to 1: how sure it is. */
  confidence: number
  foundIn: FoundIn
  /** The words around it, on one line. */
  context: string
  /** Characters before it in what it was found in; of HTML, in the text that a person sees. */
  position: number
}

/** Characters that are looked at: mail with a code is short, and its code is at the beginning. */
const textCharsMax = 64 * 1024
const htmlCharsMax = 512 * 1024
/** Codes of a message at most. */
const codesMax = 10
/** Below it, what looks like a code is not told of. */
const confidenceMin = 0.5
/** What is so much less sure than the best is another number beside it. */
const behindBestMax = 0.25
const contextCharsMax = 60

/** In what a person sees. The best first; of the same code in several places the surest, and the first of those. */
export function findCodes({ subject, text, html }: CodeSource): FoundCode[] {
  const places: [FoundIn, string | null][] = [
    ['subject', subject],
    ['text', text],
    ['html', html === null ? null : seenText(html.slice(0, htmlCharsMax))],
  ]
  const prepared = places.flatMap(([foundIn, raw]) => (raw === null ? [] : [prepare(foundIn, raw)]))
  const message = {
    hasStrong: prepared.some(({ cues }) => cues.some(({ kind }) => kind === 'strong')),
    hasPurpose: prepared.some(({ plain }) => saysPurpose(plain)),
  }
  const byCode = new Map<string, FoundCode>()
  for (const place of prepared) {
    for (const found of codesIn(place, message)) {
      const same = byCode.get(found.code)
      if (same === undefined || same.confidence < found.confidence) byCode.set(found.code, found)
    }
  }
  const codes = [...byCode.values()].sort((a, b) => b.confidence - a.confidence)
  const best = codes[0]?.confidence ?? 0
  return codes.filter(({ confidence }) => confidence >= best - behindBestMax).slice(0, codesMax)
}

type Prepared = { foundIn: FoundIn; raw: string; plain: string; cues: Cue[] }

function prepare(foundIn: FoundIn, raw: string): Prepared {
  const plain = withoutAddresses(collapse(raw.slice(0, textCharsMax)))
  return { foundIn, raw, plain, cues: findCues(plain) }
}

/** Characters that are not seen and that mailers put between others. */
const unseen = /[\u00ad\u200b-\u200f\u2060\ufeff]/g

/** Each run of whitespace is one character: a line feed if it has one. Digits of full width are digits. */
function collapse(text: string): string {
  return text
    .replace(unseen, '')
    .replace(/\s+/g, (run) => (run.includes('\n') ? '\n' : ' '))
    .replace(/[\uff10-\uff19]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0))
}

type Message = { hasStrong: boolean; hasPurpose: boolean }

function codesIn(place: Prepared, message: Message): FoundCode[] {
  const found: { shape: Shape; confidence: number }[] = []
  let next = 0 // the first cue that begins after the shape
  let usedCue: Cue | null = null
  for (const shape of findShapes(place.plain)) {
    while (next < place.cues.length && (place.cues[next]?.start ?? 0) < shape.end) next++
    const around = lookAround(place, shape, next)
    const { before } = around
    const confidence = weigh(shape, around, message) - (before !== null && before === usedCue ? 0.3 : 0)
    if (confidence < confidenceMin) continue
    usedCue = before
    found.push({ shape, confidence })
  }
  const best = found.sort((a, b) => b.confidence - a.confidence).slice(0, codesMax)
  return best.map(({ shape, confidence }) => ({
    code: shape.code,
    confidence: Math.round(Math.min(1, confidence) * 100) / 100,
    foundIn: place.foundIn,
    context: contextOf(place.plain, shape),
    position: positionOf(place.raw, shape.start),
  }))
}

type Around = {
  /** The nearest cue before it that is near enough, and what stands between. */
  before: Cue | null
  between: string
  /** The same behind it. */
  after: Cue | null
  afterDistance: number
  /** It counts something: `1500 complaints`. */
  counts: boolean
}

const beforeCharsMax = 160
const afterCharsMax = 60

function lookAround({ plain, cues }: Prepared, shape: Shape, next: number): Around {
  // A cue that the shape is within, as in a name, is none.
  let at = next - 1
  while (at >= 0 && (cues[at]?.end ?? 0) > shape.start && at > next - 4) at--
  const last = cues[at] ?? null
  const before =
    last !== null && last.end <= shape.start && shape.start - last.end <= beforeCharsMax ? last : null
  const following = cues[next] ?? null
  const afterDistance = following === null ? Number.POSITIVE_INFINITY : following.start - shape.end
  const rest = plain.slice(shape.end, shape.end + afterCharsMax)
  const isSaid = following !== null && afterDistance <= afterCharsMax
  const isSameSentence = isSaid && !/[.!?。！？][ \n]/.test(rest.slice(0, afterDistance))
  return {
    before,
    between: before === null ? '' : plain.slice(before.end, shape.start),
    after: isSameSentence ? following : null,
    afterDistance,
    counts: counted.test(rest),
  }
}

const counted =
  /^ (?!(?:when|within|into|before|below|here|then|that|this|your|once|only|expires|will|pour|para|ihre|dein|deine|oder|eingeben)\b)\p{Ll}{4,}/u

const shapeWeight: Readonly<Record<ShapeKind, number>> = {
  digits: 0.25,
  groups: 0.2,
  prefixed: 0.25,
  mixed: 0.15,
  letters: 0,
}

/** Between a cue and its code: `: `, ` is `, ` lautet: `, `は`. */
const linkWords =
  /^[^\p{L}\p{N}]*(?:is|are|ist|lautet|est|es|é|è|jest|to|är|er|olan|below|is below|here|für \p{L}+ lautet|ist hier|adalah|la|que|는|은|は|为|為|是)?[^\p{L}\p{N}]*$/iu

function weigh(shape: Shape, around: Around, message: Message): number {
  const { before, between, after, afterDistance } = around
  const isDirect = before !== null && linkWords.test(between)
  const isTold = isDirect && /[:：\n]|\b(?:is|ist|lautet|est|es|jest|é|è)\b|[はは为為是]/iu.test(between)
  const plainDigits = /^\d+$/.test(shape.code)
  const length = shape.code.length
  let confidence = shapeWeight[shape.kind]
  if (plainDigits && length === 6) confidence += 0.1
  if (plainDigits && length > 8) confidence -= 0.1
  confidence += Math.max(weightBefore(before, between, isDirect), weightAfter(after, afterDistance, before))
  if (around.counts && !isDirect && !(after !== null && afterDistance < 12)) confidence -= 0.3
  if (message.hasStrong) confidence += 0.1
  if (message.hasPurpose) confidence += 0.1
  if (shape.isAlone) confidence += message.hasStrong || before?.kind === 'weak' ? 0.2 : 0.05
  if (shape.isDateLike && !isTold && !(shape.isAlone && before?.kind === 'strong')) confidence -= 0.4
  const needsTelling = shape.kind === 'letters' || (shape.kind === 'mixed' && /[a-z]/.test(shape.code))
  if (needsTelling && !isTold && !(shape.isAlone && message.hasStrong && between.length < 100)) return 0
  return confidence
}

function weightBefore(cue: Cue | null, between: string, isDirect: boolean): number {
  if (cue === null) return 0
  if (cue.kind === 'other') return isDirect || between.length < 40 ? -0.5 : -0.15
  const near = isDirect ? 0.45 : between.length < 60 ? 0.35 : 0.2
  // Another sentence is about something else, unless it is what follows a colon.
  const isApart = /[.!?。！？][ \n]/.test(between) ? 0.1 : 0
  return (cue.kind === 'strong' ? near : near - 0.1) - isApart
}

function weightAfter(cue: Cue | null, distance: number, before: Cue | null): number {
  if (cue === null || cue.kind === 'other') return Number.NEGATIVE_INFINITY
  // What is named before it counts for more: `Order 123456: your code follows`.
  if (before?.kind === 'other') return Number.NEGATIVE_INFINITY
  const near = distance < 12 ? 0.4 : distance < 30 ? 0.3 : 0.1
  return cue.kind === 'strong' ? near : near - 0.1
}

function contextOf(text: string, { start, end }: Shape): string {
  const from = Math.max(0, start - contextCharsMax)
  const to = Math.min(text.length, end + contextCharsMax)
  return text.slice(from, to).toWellFormed().replace(/\s+/g, ' ').trim()
}

/** Where in the text as it was a place of the collapsed one is. */
function positionOf(raw: string, collapsed: number): number {
  let seen = 0
  for (const found of raw.matchAll(runPattern)) {
    const [run] = found
    const gap = found[1] !== undefined
    const length = !gap ? run.length : run.replace(unseen, '') === '' ? 0 : 1
    if (!gap && seen + length > collapsed) return found.index + collapsed - seen
    seen += length
  }
  return raw.length
}

const runPattern = /([\s\u00ad\u200b-\u200f\u2060]+)|[^\s\u00ad\u200b-\u200f\u2060]+/g
