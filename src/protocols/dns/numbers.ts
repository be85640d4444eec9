/** Numbers of the DNS protocol that a server meets (the registries of RFC 6895). */
export const opcodes = { query: 0, notify: 4, update: 5 } as const

export const rcodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  notAuthoritative: 9,
  /** Extended: its upper bits are in the OPT record (RFC 6891 §6.1.3). */
  badVersion: 16,
} as const

export const classes = { internet: 1 } as const

/** Types that are no records of a zone. */
export const questionTypes = {
  opt: 41,
  tkey: 249,
  tsig: 250,
  ixfr: 251,
  axfr: 252,
  any: 255,
} as const

/** RFC 6895 §3.1: questions only, and meta records. */
export function isMetaType(type: number): boolean {
  return type === questionTypes.opt || (type >= 128 && type <= 254)
}
