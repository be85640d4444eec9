/** The value of an MX (RFC 1035 §3.3.9) for callers who give and read its preference apart. */

export type MxValue = { preference: number; exchange: string }

/** What is usual where somebody names one mail server and no preference. */
export const usualPreference = 10

/** The value as a zone file has it, in its parts; null where it is none. */
export function mxParts(value: string): MxValue | null {
  const [, preference, exchange] = /^\s*(\d+)\s+(\S+)\s*$/.exec(value) ?? []
  return preference === undefined || exchange === undefined
    ? null
    : { preference: Number(preference), exchange }
}

/**
 * The value as a zone file has it. One that has its preference already stays as it is, unless another one stands beside
 * it: then it comes out as no MX, and is refused as that.
 * @param usual the preference where none is given.
 */
export function mxValue(value: string, preference: number | undefined, usual = usualPreference): string {
  const own = mxParts(value)
  if (own !== null && own.preference === (preference ?? own.preference)) return value
  return `${preference ?? usual} ${value.trim()}`
}
