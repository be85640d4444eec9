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
 * @param gone ascending, none twice; some may not be among the UIDs.
 * @param added ascending, and above all others.
 */
export function mergeUids(uids: Uint32Array, gone: Iterable<number>, added: Uint32Array): Uint32Array {
  const holes: number[] = []
  for (const uid of gone) {
    const at = lowerBound(uids, uid)
    if (uids[at] === uid) holes.push(at)
  }
  if (holes.length === 0 && added.length === 0) return uids
  const merged = new Uint32Array(uids.length - holes.length + added.length)
  let length = 0
  let copied = 0
  for (const hole of holes) {
    merged.set(uids.subarray(copied, hole), length)
    length += hole - copied
    copied = hole + 1
  }
  merged.set(uids.subarray(copied), length)
  merged.set(added, merged.length - added.length)
  return merged
}

/** Those of `uids` that are not in `others`; both ascending. */
export function uidsNotIn(uids: Uint32Array, others: Uint32Array): Uint32Array {
  let at = 0
  return uids.filter((uid) => {
    while ((others[at] ?? Number.POSITIVE_INFINITY) < uid) at++
    return others[at] !== uid
  })
}
