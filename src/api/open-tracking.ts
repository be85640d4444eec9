/** /o/{token}.gif: the picture that counts how often a message is opened. No key is asked for, and nothing is told. */
import { Type } from 'typebox'
import { countOpen, openTrackingOf } from '../delivery/open-tracking/open-tracking.ts'
import type { Platform } from '../platform/platform.ts'
import { createRateLimiter } from '../platform/rate-limit.ts'
import { apiLimits } from './limits.ts'
import type { Api } from './schemas.ts'

const FilePath = Type.Object({ file: Type.String() })

/** One transparent point. */
const picture = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')

export function openTrackingRoute(app: Api, platform: Platform): void {
  // Of one message: more than people can open it, and what would only wear out the database.
  const turns = createRateLimiter({
    perMinute: apiLimits.opensPerMinute,
    entriesMax: apiLimits.rateEntriesMax,
  })
  app.get('/o/:file', { schema: { hide: true, params: FilePath } }, async (request, reply) => {
    const id = openTrackingOf(platform, request.params.file.replace(/\.gif$/, ''))
    if (id !== null && request.method === 'GET' && turns.take(id).ok) await countOpen(platform, id)
    void reply.headers({ 'content-type': 'image/gif', 'cache-control': 'no-store, private' })
    return picture
  })
}
