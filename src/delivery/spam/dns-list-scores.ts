/** What being on a DNS list (RFC 5782) counts, by the zone and what it answers. */

/** From `first` to `last`, both included: the last byte of an answer in 127.0.0.0/24. */
type ListRow = { first: number; last: number; score: number; meaning: string }

/** Of a zone without rows of its own, and of an answer that its rows do not name. */
export const listedScore = 3.5
/** All lists together: they copy from each other, and none is right alone. */
export const listedScoreMax = 9

/** The rows that a list's own documentation gives. */
export const dnsListRows: Readonly<Record<string, readonly ListRow[]>> = {
  'zen.spamhaus.org': [
    { first: 2, last: 3, score: 5, meaning: 'sends spam' },
    { first: 4, last: 7, score: 5, meaning: 'taken over' },
    { first: 9, last: 9, score: 7, meaning: 'belongs to spammers' },
    { first: 10, last: 11, score: 3, meaning: 'not a mail server' },
  ],
}

/** The score of an answer, and what the list means by it; null where it does not say. */
export function scoreOfListing(zone: string, lastByte: number): { score: number; meaning: string | null } {
  const row = dnsListRows[zone]?.find(({ first, last }) => lastByte >= first && lastByte <= last)
  return row ?? { score: listedScore, meaning: null }
}
