/** A zone as whoever answers a question is given it. */
import type { CompiledZone } from './compiled-zone.ts'
import type { ZoneAnswer } from './zone-answer.ts'

/** Adds signatures, and the proof of what is not there, for whoever asks for them (RFC 4035 §3). */
export type ZoneSigner = (answer: ZoneAnswer) => ZoneAnswer

/** Whether what a zone said is still what it says. */
export type Version = { isCurrent: boolean }

export type FoundZone = {
  zone: CompiledZone
  version: Version
  /** null for a zone that is not signed. */
  signer: ZoneSigner | null
}
