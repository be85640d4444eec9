/** /v1/batches: what became of calls that asked for many mailboxes. */
import { type Static, Type } from 'typebox'
import { products } from '../domains/products.ts'
import { type Batch, type BatchItem, getBatch, listBatches, listBatchItems } from '../mailboxes/batches.ts'
import { mailboxStates } from '../mailboxes/lifecycle.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { ProblemRef, problemOf, readProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  OneOf,
  OneOfOrNull,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const BatchView = Type.Object(
  {
    id: Id,
    workspace_id: Id,
    requested: Type.Integer(),
    product: OneOfOrNull(products, 'What all of them were asked for as by a dialect.'),
    domain_id: Nullable(Id, 'Where all of them are. Null: in several domains.'),
    created: Type.Integer({ description: 'Active or suspended.' }),
    pending: Type.Integer({
      description: 'Made, and waiting for a payment, a domain, a service or a person.',
    }),
    failed: Type.Integer({ description: 'Not made, or given up later.' }),
    deleted: Type.Integer({ description: 'Made, and deleted since.' }),
    completed_at: Nullable(Moment, 'Since when nothing is pending.'),
    created_at: Moment,
  },
  { title: 'Batch', description: 'Counts are those of this moment.' },
)

const BatchItemView = Type.Object(
  {
    index: Type.Integer({ description: 'Its place in the call, from 0.' }),
    address: Type.String(),
    status: OneOf(['created', 'pending', 'failed', 'deleted']),
    mailbox_id: Nullable(Id),
    mailbox_state: OneOfOrNull(mailboxStates, 'As it is now.'),
    problem: Type.Optional(ProblemRef),
  },
  { title: 'BatchItem' },
)

const BatchPath = Type.Object({ batch: Type.String({ description: 'Its id.' }) })
const tags = ['mailboxes']

export function batchRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/batches',
    {
      schema: {
        summary: 'List batches',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(BatchView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listBatches(platform, scopeOf(request), pageRequest(request.query)), batchView),
  )
  app.get(
    '/v1/batches/:batch',
    {
      schema: {
        summary: 'Get a batch',
        tags,
        params: BatchPath,
        response: { 200: BatchView, ...readProblems('batch_not_found') },
      },
    },
    async (request) => batchView(await getBatch(platform, scopeOf(request), request.params.batch)),
  )
  app.get(
    '/v1/batches/:batch/items',
    {
      schema: {
        summary: 'List the items of a batch',
        description: 'In the order in which they were asked for, each as it is now.',
        tags,
        params: BatchPath,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(BatchItemView), ...readProblems('batch_not_found', 'invalid_cursor') },
      },
    },
    async (request) => {
      const { batch } = request.params
      const page = await listBatchItems(platform, scopeOf(request), batch, pageRequest(request.query))
      return pageView(page, itemView)
    },
  )
}

function batchView(batch: Batch): Static<typeof BatchView> {
  const { id, workspace_id, requested, product, domain_id, created, pending, failed, deleted } = batch
  return {
    id,
    workspace_id,
    requested,
    product,
    domain_id,
    created,
    pending,
    failed,
    deleted,
    completed_at: momentOrNull(batch.completed_at),
    created_at: batch.created_at.toISOString(),
  }
}

function itemView({ index, address, status, problem, ...mailbox }: BatchItem): Static<typeof BatchItemView> {
  return {
    index,
    address,
    status,
    mailbox_id: mailbox.mailboxId,
    mailbox_state: mailbox.mailboxState,
    ...(problem === null ? {} : { problem: problemOf(problem.code, problem.detail) }),
  }
}
