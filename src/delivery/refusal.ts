/** How the core refuses mail: in words that a face sends as they are. */

/** A refusal of the whole message, in the words of SMTP; the face adds nothing. */
export type ArrivalRefusal = {
  kind: 'refused'
  /** 4yz: come again. 5yz: never. */
  code: 421 | 450 | 451 | 452 | 550 | 552 | 554
  /** RFC 3463. */
  enhanced: string
  text: string
}
