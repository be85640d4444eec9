/** GET /v1/batches/{batch}: what became of a call that asked for many mailboxes. */
import { Type } from 'typebox'
import { getBatch } from '../mailboxes/batches.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { readProblems } from './problem-view.ts'
import { type Api, Id, Moment } from './schemas.ts'

const BatchView = Type.Object(
  {
    id: Id,
    workspace_id: Id,
    requested: Type.Integer(),
    created: Type.Integer(),
    pending: Type.Integer(),
    failed: Type.Integer(),
    created_at: Moment,
  },
  { title: 'Batch' },
)

export function batchRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/batches/:batch',
    {
      schema: {
        summary: 'Get a batch',
        tags: ['mailboxes'],
        params: Type.Object({ batch: Type.String({ description: 'Its id.' }) }),
        response: { 200: BatchView, ...readProblems('batch_not_found') },
      },
    },
    async (request) => {
      const batch = await getBatch(platform, scopeOf(request), request.params.batch)
      return {
        id: batch.id,
        workspace_id: batch.workspace_id,
        requested: batch.requested,
        created: batch.created,
        pending: batch.pending,
        failed: batch.failed,
        created_at: batch.created_at.toISOString(),
      }
    },
  )
}
