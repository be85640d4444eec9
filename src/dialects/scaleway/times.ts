/** Moments as this API writes them: RFC 3339 in UTC, with microseconds or in whole seconds. */

/** Of `created_at`, `updated_at` and `deletion_scheduled_at`. We know milliseconds. */
export function microseconds(at: Date): string {
  return `${at.toISOString().slice(0, -1)}000Z`
}

/** Of the dates of a subscription. */
export function wholeSeconds(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`
}
