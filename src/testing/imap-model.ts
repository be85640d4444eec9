/**
 * What a client knows of its folder from the responses alone, and the rules that every response must keep: numbers
 * exist, UIDs rise, no MODSEQ falls, no EXPUNGE comes while numbers are in use (RFC 9051 §7.5.1, RFC 7162 §3.1).
 */
import assert from 'node:assert/strict'

export type KnownMessage = { uid: number | null; flags: string | null; modseq: number }

export type FolderModel = {
  messages: KnownMessage[]
  uidvalidity: number
  highestModseq: number
  /** UIDs that were told to be gone. */
  gone: number[]
}

export function createFolderModel(): FolderModel {
  return { messages: [], uidvalidity: 0, highestModseq: 0, gone: [] }
}

export type CommandRules = {
  /** The command uses numbers: no EXPUNGE may come before its answer. */
  usesNumbers: boolean
  /** QRESYNC is enabled: VANISHED comes in the place of EXPUNGE. */
  vanished: boolean
}

/** Takes in the responses to one command. @throws AssertionError where a rule is broken. */
export function takeResponses(model: FolderModel, text: string, rules: CommandRules): void {
  for (const line of text.split('\r\n')) {
    const exists = /^\* (\d+) EXISTS$/.exec(line)
    const expunge = /^\* (\d+) EXPUNGE$/.exec(line)
    const fetch = /^\* (\d+) FETCH \((.*)\)$/.exec(line)
    const vanished = /^\* VANISHED (\(EARLIER\) )?([\d:,]+)$/.exec(line)
    const modseq = /^(?:\*|a\d+) OK \[HIGHESTMODSEQ (\d+)\]/.exec(line)
    const validity = /^\* OK \[UIDVALIDITY (\d+)\]/.exec(line)
    if (exists) takeExists(model, Number(exists[1]))
    else if (expunge) {
      assert.ok(!rules.usesNumbers, `an EXPUNGE while numbers are in use: ${line}`)
      assert.ok(!rules.vanished, `an EXPUNGE although QRESYNC is enabled: ${line}`)
      takeExpunge(model, Number(expunge[1]))
    } else if (vanished) {
      assert.ok(rules.vanished, `a VANISHED without QRESYNC: ${line}`)
      if (vanished[1] === undefined)
        assert.ok(!rules.usesNumbers, `a VANISHED while numbers are in use: ${line}`)
      takeVanished(model, vanished[2] ?? '')
    } else if (fetch) takeFetch(model, Number(fetch[1]), fetch[2] ?? '')
    else if (modseq) takeHighestModseq(model, Number(modseq[1]))
    else if (validity) model.uidvalidity = Number(validity[1])
  }
}

function takeExists(model: FolderModel, count: number): void {
  assert.ok(count >= model.messages.length, `EXISTS ${count} after ${model.messages.length} messages`)
  while (model.messages.length < count) model.messages.push({ uid: null, flags: null, modseq: 0 })
}

function takeExpunge(model: FolderModel, number: number): void {
  const [message] = model.messages.splice(number - 1, 1)
  assert.ok(message !== undefined, `EXPUNGE ${number} of a message that is not there`)
  if (message.uid !== null) model.gone.push(message.uid)
}

/** One that was not shown yet has its place among those whose UIDs are known. */
function takeVanished(model: FolderModel, set: string): void {
  for (const uid of rangesOf(set).flatMap(([from, to]) => numbersFrom(from, to))) {
    const known = model.messages.findIndex((message) => message.uid === uid)
    const above = model.messages.findIndex((message) => message.uid !== null && message.uid > uid)
    const before = (above === -1 ? model.messages.length : above) - 1
    const at = known === -1 && model.messages[before]?.uid === null ? before : known
    if (at === -1) continue
    model.messages.splice(at, 1)
    model.gone.push(uid)
  }
}

function numbersFrom(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}

function rangesOf(set: string): [number, number][] {
  return set.split(',').map((range) => {
    const [from = '', to = from] = range.split(':')
    return [Number(from), Number(to)]
  })
}

function takeFetch(model: FolderModel, number: number, items: string): void {
  const message = model.messages[number - 1]
  assert.ok(message !== undefined, `FETCH of message ${number} of ${model.messages.length}`)
  const uid = /(?:^| )UID (\d+)/.exec(items)?.[1]
  if (uid !== undefined) {
    if (message.uid !== null) assert.equal(Number(uid), message.uid, `message ${number} has another UID`)
    message.uid = Number(uid)
    requireRising(model, number)
  }
  const flags = /(?:^| )FLAGS \(([^)]*)\)/.exec(items)?.[1]
  if (flags !== undefined) message.flags = normalFlags(flags)
  const modseq = /(?:^| )MODSEQ \((\d+)\)/.exec(items)?.[1]
  if (modseq !== undefined) {
    assert.ok(Number(modseq) >= message.modseq, `the MODSEQ of UID ${message.uid} fell to ${modseq}`)
    message.modseq = Number(modseq)
  }
}

function requireRising(model: FolderModel, number: number): void {
  const uid = model.messages[number - 1]?.uid ?? 0
  const before = model.messages[number - 2]?.uid ?? 0
  const after = model.messages[number]?.uid ?? Number.POSITIVE_INFINITY
  assert.ok(
    before < uid && uid < after,
    `UIDs do not rise around message ${number}: ${before} ${uid} ${after}`,
  )
}

/** Flags without \Recent, which is another for each session, in one order. */
export function normalFlags(flags: string): string {
  return flags
    .split(' ')
    .filter((flag) => flag !== '' && flag !== '\\Recent')
    .sort()
    .join(' ')
}

function takeHighestModseq(model: FolderModel, modseq: number): void {
  assert.ok(modseq >= model.highestModseq, `HIGHESTMODSEQ fell from ${model.highestModseq} to ${modseq}`)
  model.highestModseq = modseq
}
