/** Ascending arrays of UIDs, as sessions and the index cache share them: nobody changes one in place. */

/** The place of the first UID that is not below `uid`. */
export function lowerBound(uids: Uint32Array, uid: number): number {
  let low = 0
  let high = uids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((uids[middle] ?? 0) < uid) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * `uids` without those of `gone`, and `added` behind them. The same array when that changes nothing.
 * @param gone ascending; some may not be among the UIDs.
 * @param added ascending, and above all others.
 */
export function mergeUids(uids: Uint32Array, gone: Iterable<number>, added: Uint32Array): Uint32Array {
  const merged = new Uint32Array(uids.length + added.length)
  let length = 0
  let copied = 0
  for (const uid of gone) {
    const at = lowerBound(uids, uid)
    if (uids[at] !== uid) continue
    merged.set(uids.subarray(copied, at), length)
    length += at - copied
    copied = at + 1
  }
  if (copied === 0 && added.length === 0) return uids
  merged.set(uids.subarray(copied), length)
  length += uids.length - copied
  merged.set(added, length)
  length += added.length
  return length === merged.length ? merged : merged.slice(0, length)
}

/** Those of `uids` that are not in `others`; both ascending. */
export function uidsNotIn(uids: Uint32Array, others: Uint32Array): Uint32Array {
  let at = 0
  return uids.filter((uid) => {
    while ((others[at] ?? Number.POSITIVE_INFINITY) < uid) at++
    return others[at] !== uid
  })
}
