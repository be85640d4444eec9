/** A zone as whoever answers a question is given it. */
import type { CompiledZone } from './compiled-zone.ts'
import type { WireRRset, ZoneAnswer } from './zone-answer.ts'

/** What a signer needs to know of the question beside the answer. */
export type Asked = {
  type: number
  /** The CO flag (RFC 9824 §5): who asked understands NXDOMAIN beside the proof. */
  compactOk: boolean
}

/** Adds signatures, and the proof of what is not there, for whoever asks for them (RFC 4035 §3). */
export type ZoneSigner = {
  sign(answer: ZoneAnswer, asked: Asked): ZoneAnswer
  /** The RRSIG set of one set, for whoever takes the whole zone. */
  signSet(rrset: WireRRset): WireRRset
  /** The zone's public key and what its parent is to make of it, which stand at the apex. */
  apexSets: readonly WireRRset[]
}

/** Whether what a zone said is still what it says. */
export type Version = { isCurrent: boolean }

export type FoundZone = {
  zone: CompiledZone
  version: Version
  /** null for a zone that is not signed. */
  signer: ZoneSigner | null
}
