/** Addresses for clients that insist on one that is whole. */

/** Nobody's address (RFC 2606 §2), where there is none that clients take for one. */
export const noAddress = 'nobody@customer.invalid'

/** The first login of an installation may be `admin@localhost`, which the format `email` does not have. */
const hasWholeDomain = /@[^@\s]+\.[^@\s.]+$/

/** @returns the first of them that is one, else nobody's. */
export function shownEmail(candidates: readonly (string | null | undefined)[]): string {
  return candidates.find((one) => one && hasWholeDomain.test(one)) ?? noAddress
}
