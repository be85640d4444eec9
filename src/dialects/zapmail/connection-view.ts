/** How far a connection is, and how it looks as a request. */
import { type Static, Type } from 'typebox'
import { type Connection, type ConnectionStage, connectionStages } from '../../domains/connections.ts'
import { wantedDnsMode } from '../../domains/nameservers.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import type { ErrorCode } from '../../platform/errors.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import { providerOfProduct } from './providers.ts'
import { Moment } from './schemas.ts'

export const connectionStatuses = [
  'PENDING',
  'CHECKING_BLACKLISTED_STATUS',
  'CHECKING_IF_DOMAIN_IS_REGISTERED',
  'CHECKING_EXISTING_WORKSPACE_STATUS',
  'CHECKING_NS_IN_WHOIS',
  'NS_VERIFIED',
  'NS_NOT_CHANGED',
  'CREATING_ZONE',
  'SUCCESS',
  'DOMAIN_ALREADY_CONNECTED',
  'DOMAIN_NOT_REGISTERED',
  'WORKSPACE_ALREADY_EXISTS',
  'BLACKLISTED_DOMAIN',
  'BANNED_DOMAIN',
  'PERMISSION_REQUIRED',
  'FAILED',
] as const
export type ConnectionStatus = (typeof connectionStatuses)[number]

const statusOfStage = {
  unchecked: 'CHECKING_NS_IN_WHOIS',
  unregistered: 'DOMAIN_NOT_REGISTERED',
  missing: 'NS_NOT_CHANGED',
  found: 'NS_VERIFIED',
  connected: 'SUCCESS',
  ended: 'FAILED',
} as const satisfies Record<ConnectionStage, ConnectionStatus>

export function connectionStatus({ stage }: Pick<Connection, 'stage'>): ConnectionStatus {
  return statusOfStage[stage]
}

/** The stages that are told with a status; none for one that nothing here is ever in. */
export function stagesOf(statuses: readonly ConnectionStatus[]): ConnectionStage[] {
  return connectionStages.filter((stage) => statuses.includes(statusOfStage[stage]))
}

/** Of a name that could not be connected: somebody else has it here, or it cannot be. */
export function refusedStatus(code: ErrorCode): ConnectionStatus {
  return code === 'domain_taken' ? 'WORKSPACE_ALREADY_EXISTS' : 'FAILED'
}

const inProgress: readonly ConnectionStatus[] = ['CHECKING_NS_IN_WHOIS', 'NS_VERIFIED']

export function isInProgress(status: ConnectionStatus): boolean {
  return inProgress.includes(status)
}

export const ConnectionRequestView = Type.Object(
  {
    id: Type.String({ description: 'Of the domain.' }),
    domainName: Type.String(),
    userId: Type.String({ description: 'Of who asks, or of the organization for a key.' }),
    workspaceId: Type.String(),
    serviceProvider: Type.String(),
    dnsManagedBy: Type.String({
      description: 'ZAPMAILDNS: this platform’s name servers. CUSTOMER: its owner, or a host that is driven.',
    }),
    status: OneOf(connectionStatuses),
    metadata: Type.Object({ currentNameServers: Type.Array(Type.String()) }),
    nextRetryOn: Nullable(Moment, 'When it is looked at again.'),
    createdAt: Moment,
    updatedAt: Moment,
    deletedAt: Nullable(Moment),
  },
  { title: 'ConnectionRequest' },
)

export function connectionRequestView(
  { principal }: Caller,
  connection: Connection,
): Static<typeof ConnectionRequestView> {
  const { id, name, state, product, seen_nameservers: currentNameServers, next_check_at } = connection
  return {
    id,
    domainName: name,
    userId: principal.userId ?? principal.organizationId,
    workspaceId: connection.workspace_id,
    serviceProvider: providerOfProduct(product),
    dnsManagedBy: wantedDnsMode(connection) === 'served' ? 'ZAPMAILDNS' : 'CUSTOMER',
    status: connectionStatus(connection),
    metadata: { currentNameServers },
    nextRetryOn: state === 'active' ? null : (next_check_at?.toISOString() ?? null),
    createdAt: connection.created_at.toISOString(),
    updatedAt: connection.updated_at.toISOString(),
    deletedAt: null,
  }
}
