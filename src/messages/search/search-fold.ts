/**
 * Text as search compares it: compatibility characters as plain ones (Unicode NFKC), letters without case. Upper case
 * is the fold, because it depends on no neighbour (a final sigma does in lower case) and takes ß for SS. This is
 * i;unicode-casemap (RFC 5051) but for accents, which count here.
 */

const beyondAscii = /[\u0080-\uffff]/

export function foldText(text: string): string {
  if (!beyondAscii.test(text)) return text.toUpperCase()
  return text.normalize('NFKC').toUpperCase().normalize('NFKC')
}

/** In a header white space may be folding (RFC 5322 §2.2.3), so any run of it is one space. */
export function foldHeaderText(text: string): string {
  return foldText(text).replace(/\s+/g, ' ')
}
