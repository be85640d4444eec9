/** Pages by their number, with how many rows there are in all: for faces whose callers count pages. */

export type NumberedPage = {
  /** From 1. */
  number: number
  /** Rows of a page. */
  size: number
}

export type Numbered<Row> = { rows: Row[]; total: number }

export function offsetOf({ number, size }: NumberedPage): number {
  return (number - 1) * size
}
