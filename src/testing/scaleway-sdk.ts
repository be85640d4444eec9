/**
 * Scaleway's Mailbox API as their JavaScript SDK has it: on the client core that they publish, with requests written and
 * replies read as their generated code does.
 */
import {
  API,
  type Client,
  createClient,
  enrichForPagination,
  isJSONObject,
  unmarshalArrayOfObject,
  unmarshalDate,
  urlParams,
  validatePathParam,
  type WaitForOptions,
  waitForResource,
} from '@scaleway/sdk-client'

export type SdkDomain = {
  id: string
  projectId: string
  name: string
  status: string
  mailboxTotalCount: number
  createdAt: Date | undefined
  updatedAt: Date | undefined
  imapUrl: string
  smtpUrl: string
}

export type SdkRecord = {
  id: string
  status: string
  level: string
  dnsType: string
  dnsName: string
  dnsValue: string
  error: string | undefined
}

export type SdkMailbox = {
  id: string
  domainId: string
  email: string
  status: string
  subscriptionPeriod: string
  subscriptionPeriodStartedAt: Date | undefined
  nextSubscriptionPeriod: string
  nextSubscriptionPeriodStartsAt: Date | undefined
  createdAt: Date | undefined
  updatedAt: Date | undefined
  deletionScheduledAt: Date | undefined
}

export type SdkAlias = {
  id: string
  email: string
  mailboxId: string
  description: string
  status: string
}

export type SdkPage = { page?: number; pageSize?: number; orderBy?: string; projectId?: string }

const root = '/mailbox/v1alpha1'
const json = { 'Content-Type': 'application/json; charset=utf-8' }
const transient = ['creating', 'validating', 'provisioning', 'deleting']
const transientMailbox = [
  'creating',
  'waiting_payment',
  'waiting_domain',
  'renewing',
  'deleting',
  'restoring',
]

/** @param apiUrl without a slash at its end. */
export function scalewayClient(
  apiUrl: string,
  keys: { accessKey: string; secretKey: string; projectId?: string },
): MailboxApi {
  const { accessKey, secretKey, projectId } = keys
  const settings = { apiURL: apiUrl, accessKey, secretKey }
  return new MailboxApi(
    createClient(projectId === undefined ? settings : { ...settings, defaultProjectId: projectId }),
  )
}

export class MailboxApi extends API {
  get core(): Client {
    return this.client
  }

  createDomain(request: { name: string; projectId?: string }): Promise<SdkDomain> {
    const project_id = request.projectId ?? this.client.settings.defaultProjectId
    return this.send('POST', '/domains', { name: request.name, project_id }, domainOf)
  }

  listDomains(request: SdkPage & { statuses?: string[]; search?: string } = {}) {
    const more = { statuses: request.statuses, search: request.search }
    const list = (page: SdkPage) => this.page('/domains', 'domains', page, more, domainOf)
    return enrichForPagination('domains', list, request)
  }

  getDomain(id: string): Promise<SdkDomain> {
    return this.send('GET', `/domains/${validatePathParam('domainId', id)}`, undefined, domainOf)
  }

  deleteDomain(id: string): Promise<SdkDomain> {
    return this.send('DELETE', `/domains/${validatePathParam('domainId', id)}`, undefined, domainOf)
  }

  waitForDomain(id: string, options?: WaitForOptions<SdkDomain>): Promise<SdkDomain> {
    const isSettled = ({ status }: SdkDomain) => Promise.resolve(!transient.includes(status))
    return waitForResource(
      options?.stop ?? isSettled,
      (wanted: string) => this.getDomain(wanted),
      id,
      options,
    )
  }

  getDomainRecords(id: string): Promise<Record<string, SdkRecord>> {
    return this.send('GET', `/domains/${validatePathParam('domainId', id)}/records`, undefined, (data) =>
      Object.fromEntries(Object.entries(objectIn(data)).map(([slot, record]) => [slot, recordOf(record)])),
    )
  }

  validateDomainRecords(id: string): Promise<undefined> {
    const path = `/domains/${validatePathParam('domainId', id)}/validate-records`
    return this.send('POST', path, {}, () => undefined)
  }

  batchCreateMailboxes(request: {
    domainId: string
    subscriptionPeriod: string
    mailboxes: { localPart: string; password: string }[]
  }): Promise<SdkMailbox[]> {
    const mailboxes = request.mailboxes.map(({ localPart, password }) => ({
      local_part: localPart,
      password,
    }))
    const body = { domain_id: request.domainId, subscription_period: request.subscriptionPeriod, mailboxes }
    return this.send('POST', '/batch-create-mailboxes', body, (data) =>
      unmarshalArrayOfObject(objectIn(data)['mailboxes'], mailboxOf, false),
    )
  }

  listMailboxes(request: SdkPage & { domainId?: string; statuses?: string[]; search?: string } = {}) {
    const { domainId: domain_id, statuses, search } = request
    const list = (page: SdkPage) =>
      this.page('/mailboxes', 'mailboxes', page, { domain_id, statuses, search }, mailboxOf)
    return enrichForPagination('mailboxes', list, request)
  }

  getMailbox(id: string): Promise<SdkMailbox> {
    return this.send('GET', `/mailboxes/${validatePathParam('mailboxId', id)}`, undefined, mailboxOf)
  }

  waitForMailbox(id: string, options?: WaitForOptions<SdkMailbox>): Promise<SdkMailbox> {
    const isSettled = ({ status }: SdkMailbox) => Promise.resolve(!transientMailbox.includes(status))
    return waitForResource(
      options?.stop ?? isSettled,
      (wanted: string) => this.getMailbox(wanted),
      id,
      options,
    )
  }

  updateMailbox(
    id: string,
    request: { subscriptionPeriod?: string; newPassword?: string },
  ): Promise<SdkMailbox> {
    const body = { subscription_period: request.subscriptionPeriod, new_password: request.newPassword }
    return this.send('PATCH', `/mailboxes/${validatePathParam('mailboxId', id)}`, body, mailboxOf)
  }

  deleteMailbox(id: string): Promise<SdkMailbox> {
    return this.send('DELETE', `/mailboxes/${validatePathParam('mailboxId', id)}`, undefined, mailboxOf)
  }

  restoreMailbox(id: string): Promise<SdkMailbox> {
    return this.send('POST', `/mailboxes/${validatePathParam('mailboxId', id)}/restore`, {}, mailboxOf)
  }

  createAlias(request: { mailboxId: string; localPart: string; description?: string }): Promise<SdkAlias> {
    const { mailboxId: mailbox_id, localPart: local_part, description } = request
    return this.send('POST', '/aliases', { mailbox_id, local_part, description }, aliasOf)
  }

  listAliases(request: SdkPage & { mailboxId?: string; status?: string } = {}) {
    const { mailboxId: mailbox_id, status } = request
    const list = (page: SdkPage) => this.page('/aliases', 'aliases', page, { mailbox_id, status }, aliasOf)
    return enrichForPagination('aliases', list, request)
  }

  getAlias(id: string): Promise<SdkAlias> {
    return this.send('GET', `/aliases/${validatePathParam('aliasId', id)}`, undefined, aliasOf)
  }

  updateAlias(id: string, description: string): Promise<SdkAlias> {
    return this.send('PATCH', `/aliases/${validatePathParam('aliasId', id)}`, { description }, aliasOf)
  }

  deleteAlias(id: string): Promise<SdkAlias> {
    return this.send('DELETE', `/aliases/${validatePathParam('aliasId', id)}`, undefined, aliasOf)
  }

  private send<T>(
    method: 'GET' | 'POST' | 'DELETE' | 'PATCH',
    path: string,
    body: object | undefined,
    unmarshal: (data: unknown) => T,
  ): Promise<T> {
    const request = { method, path: root + path }
    return this.client.fetch(
      body === undefined ? request : { ...request, headers: json, body: JSON.stringify(body) },
      unmarshal,
    )
  }

  private page<Name extends string, T>(
    path: string,
    name: Name,
    { page, pageSize = this.client.settings.defaultPageSize, orderBy, projectId }: SdkPage,
    more: Record<string, string | string[] | undefined>,
    unmarshal: (data: unknown) => T,
  ): Promise<Record<Name, T[]> & { totalCount: number }> {
    const params = urlParams(
      ['order_by', orderBy],
      ['page', page],
      ['page_size', pageSize],
      ['project_id', projectId],
      ...Object.entries(more),
    )
    return this.client.fetch({ method: 'GET', path: root + path, urlParams: params }, (data) => {
      const found = objectIn(data)
      const rows = { [name]: unmarshalArrayOfObject(found[name], unmarshal, false) }
      return { ...(rows as Record<Name, T[]>), totalCount: Number(found['total_count']) }
    })
  }
}

function objectIn(data: unknown): Record<string, unknown> {
  if (!isJSONObject(data)) throw new TypeError('Unmarshalling failed as data isn’t a dictionary.')
  return data
}

function textIn(data: Record<string, unknown>, name: string): string {
  const value = data[name]
  if (typeof value !== 'string') throw new TypeError(`${name} is ${typeof value}`)
  return value
}

function domainOf(data: unknown): SdkDomain {
  const found = objectIn(data)
  return {
    id: textIn(found, 'id'),
    projectId: textIn(found, 'project_id'),
    name: textIn(found, 'name'),
    status: textIn(found, 'status'),
    mailboxTotalCount: Number(found['mailbox_total_count']),
    createdAt: unmarshalDate(found['created_at']),
    updatedAt: unmarshalDate(found['updated_at']),
    imapUrl: textIn(found, 'imap_url'),
    smtpUrl: textIn(found, 'smtp_url'),
  }
}

function recordOf(data: unknown): SdkRecord {
  const found = objectIn(data)
  return {
    id: textIn(found, 'id'),
    status: textIn(found, 'status'),
    level: textIn(found, 'level'),
    dnsType: textIn(found, 'dns_type'),
    dnsName: textIn(found, 'dns_name'),
    dnsValue: textIn(found, 'dns_value'),
    error: found['error'] === undefined ? undefined : textIn(found, 'error'),
  }
}

function mailboxOf(data: unknown): SdkMailbox {
  const found = objectIn(data)
  return {
    id: textIn(found, 'id'),
    domainId: textIn(found, 'domain_id'),
    email: textIn(found, 'email'),
    status: textIn(found, 'status'),
    subscriptionPeriod: textIn(found, 'subscription_period'),
    subscriptionPeriodStartedAt: unmarshalDate(found['subscription_period_started_at']),
    nextSubscriptionPeriod: textIn(found, 'next_subscription_period'),
    nextSubscriptionPeriodStartsAt: unmarshalDate(found['next_subscription_period_starts_at']),
    createdAt: unmarshalDate(found['created_at']),
    updatedAt: unmarshalDate(found['updated_at']),
    deletionScheduledAt: unmarshalDate(found['deletion_scheduled_at']),
  }
}

function aliasOf(data: unknown): SdkAlias {
  const found = objectIn(data)
  return {
    id: textIn(found, 'id'),
    email: textIn(found, 'email'),
    mailboxId: textIn(found, 'mailbox_id'),
    description: textIn(found, 'description'),
    status: textIn(found, 'status'),
  }
}
