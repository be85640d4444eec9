/** Requests that are more than a question: transfers, notifications, updates, and whatever is signed with TSIG. */
import type { Query } from './query.ts'

export type Transport = 'udp' | 'tcp'

export type OtherRequest = {
  bytes: Buffer
  query: Query
  transport: Transport
  /** The client's. */
  address: string
  /**
   * What a plain question is answered with, for one that only came signed; without id and OPT record, and at most so
   * long.
   */
  answer(bytesMax: number): Promise<Buffer>
}

/** The messages of the answer, whole; null when it is not answered for. */
export type HandleOther = (request: OtherRequest) => Promise<Iterable<Buffer> | AsyncIterable<Buffer> | null>
