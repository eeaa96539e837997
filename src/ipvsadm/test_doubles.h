// SPDX-License-Identifier: Apache-2.0
// For tests: a kernel whose services live in memory, and names that are the same everywhere.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ipvsadm/kernel.h"
#include "ipvsadm/names.h"

namespace isobar::ipvsadm {

class FixedNames final : public Names {
public:
    std::optional<model::Address> find_address(const std::string& host) override {
        if (host == "localhost") return model::Address::v4(127, 0, 0, 1);
        if (host == "vip.example.com") return model::Address::v4(10, 0, 1, 99);
        return std::nullopt;
    }
    std::optional<model::Port> find_port(const std::string& name, ServiceKind kind) override {
        for (const auto& known : kPorts) {
            if (name == known.name && fits(known, kind)) return known.port;
        }
        return std::nullopt;
    }
    std::optional<std::string> find_host(const model::Address& address) override {
        if (address == model::Address::v4(127, 0, 0, 1)) return "localhost";
        if (address == model::Address::v4(10, 0, 1, 99)) return "vip.example.com";
        if (address == model::Address::v4(10, 0, 2, 99)) return "rs-with-a-longer-name.example.com";
        return std::nullopt;
    }
    std::optional<std::string> find_port_name(model::Port port, ServiceKind kind) override {
        for (const auto& known : kPorts) {
            if (port == known.port && fits(known, kind)) return known.name;
        }
        return std::nullopt;
    }

private:
    struct Port {
        const char* name;
        model::Port port;
        bool tcp;
        bool udp;
    };
    static constexpr Port kPorts[] = {
        {"http", 80, true, false},     {"https", 443, true, true}, {"http-alt", 8080, true, true},
        {"domain", 53, true, true},    {"sip", 5060, true, true},  {"tftp", 69, false, true},
        {"ftp-data", 20, true, false},
    };
    static bool fits(const Port& known, ServiceKind kind) {
        return kind == ServiceKind::Udp ? known.udp : kind == ServiceKind::Tcp && known.tcp;
    }
};

// What a namespace holds, and what was asked of it.
struct MemoryTable {
    bool exists = false;
    std::vector<model::ServiceStatus> services;  // newest first, as the data plane gives them
    std::vector<model::ConnectionStatus> connections;
    model::Timeouts timeouts;
    model::Switches switches;
    std::optional<Error> open_error;
    std::optional<Error> create_error;
    std::optional<Error> apply_error;
    std::vector<std::string> untold;  // what refresh_host_marks says
    std::optional<Error> attach_error;
    unsigned opened = 0;
    unsigned created = 0;
    unsigned attached = 0;
    unsigned listed = 0;
};

class MemoryState final : public LiveState {
public:
    explicit MemoryState(MemoryTable& table) : table_(table) {}

    Result<void> apply(std::span<const model::Change> changes) override {
        for (const auto& change : changes) {
            if (table_.apply_error) return tl::unexpected(*table_.apply_error);
            auto done = std::visit([&](const auto& one) { return make(one); }, change);
            if (!done) return done;
        }
        return {};
    }
    Result<void> set_timeouts(const model::Timeouts& timeouts) override {
        const auto take = [](std::chrono::seconds& field, std::chrono::seconds value) {
            if (value.count() != 0) field = value;
        };
        take(table_.timeouts.tcp, timeouts.tcp);
        take(table_.timeouts.tcp_fin, timeouts.tcp_fin);
        take(table_.timeouts.udp, timeouts.udp);
        return {};
    }
    Result<void> zero_counters(const std::optional<model::ServiceKey>& key) override {
        if (key && find(*key) == nullptr) return no_such("service");
        for (auto& service : table_.services) {
            if (!key || service.key == *key) service.traffic = {};
        }
        return {};
    }
    Result<void> clear() override {
        table_.exists = false;
        table_.services.clear();
        return {};
    }
    Result<void> attach_all() override {
        ++table_.attached;
        if (table_.attach_error) return tl::unexpected(*table_.attach_error);
        return {};
    }
    Result<std::vector<std::string>> refresh_host_marks() override { return table_.untold; }
    Result<std::vector<model::ServiceStatus>> services() override {
        ++table_.listed;
        return table_.services;
    }
    Result<std::vector<model::ConnectionStatus>> connections() override {
        return table_.connections;
    }
    [[nodiscard]] model::Timeouts timeouts() const override { return table_.timeouts; }
    Result<void> set_switches(const model::Switches& switches) override {
        table_.switches = switches;
        return {};
    }
    [[nodiscard]] model::Switches switches() const override { return table_.switches; }

private:
    static tl::unexpected<Error> no_such(const std::string& what) {
        return failure(Fault::NotFound, "no such " + what);
    }
    model::ServiceStatus* find(const model::ServiceKey& key) {
        const auto found = std::find_if(table_.services.begin(), table_.services.end(),
                                        [&](const auto& service) { return service.key == key; });
        return found == table_.services.end() ? nullptr : &*found;
    }
    static auto find(model::ServiceStatus& service, const model::Endpoint& address) {
        return std::find_if(service.servers.begin(), service.servers.end(),
                            [&](const auto& status) { return status.server.address == address; });
    }

    Result<void> make(const model::AddService& change) {
        if (find(change.key) != nullptr) return failure(Fault::Exists, "there already");
        if (change.key.mark == 0 && !model::is_unicast(change.key.address.address)) {
            return failure(Fault::Invalid, "not unicast");
        }
        model::ServiceStatus service;
        service.key = change.key;
        service.scheduler = change.scheduler;
        service.scheduler_flags = change.scheduler_flags;
        service.persistence = change.persistence;
        service.one_packet = change.one_packet;
        service.local = change.local;
        service.engine = change.engine;
        table_.services.insert(table_.services.begin(), service);
        return {};
    }
    Result<void> make(const model::EditService& change) {
        auto* service = find(change.key);
        if (service == nullptr) return no_such("service");
        service->scheduler = change.scheduler;
        service->scheduler_flags = change.scheduler_flags;
        service->persistence = change.persistence;
        service->one_packet = change.one_packet;
        service->local = change.local;
        service->engine = change.engine;
        return {};
    }
    Result<void> make(const model::RemoveService& change) {
        if (find(change.key) == nullptr) return no_such("service");
        std::erase_if(table_.services,
                      [&](const auto& service) { return service.key == change.key; });
        return {};
    }
    Result<void> make(const model::AddServer& change) {
        auto* service = find(change.service);
        if (service == nullptr) return no_such("service");
        if (find(*service, change.server.address) != service->servers.end()) {
            return failure(Fault::Exists, "there already");
        }
        model::ServerStatus status;
        status.server = change.server;
        service->servers.insert(service->servers.begin(), status);
        return {};
    }
    Result<void> make(const model::EditServer& change) {
        auto* service = find(change.service);
        if (service == nullptr) return no_such("service");
        const auto server = find(*service, change.server.address);
        if (server == service->servers.end()) return no_such("server");
        server->server = change.server;
        return {};
    }
    Result<void> make(const model::RemoveServer& change) {
        auto* service = find(change.service);
        if (service == nullptr) return no_such("service");
        const auto server = find(*service, change.server);
        if (server == service->servers.end()) return no_such("server");
        service->servers.erase(server);
        return {};
    }

    MemoryTable& table_;
};

class MemoryKernel final : public Kernel {
public:
    explicit MemoryKernel(MemoryTable& table) : table_(table) {}

    Result<std::unique_ptr<LiveState>> open() override {
        ++table_.opened;
        if (table_.open_error) return tl::unexpected(*table_.open_error);
        if (!table_.exists) return failure(Fault::NotFound, "no data plane");
        return std::make_unique<MemoryState>(table_);
    }
    Result<std::unique_ptr<LiveState>> open_or_create() override {
        ++table_.created;
        if (table_.create_error) return tl::unexpected(*table_.create_error);
        table_.exists = true;
        return std::make_unique<MemoryState>(table_);
    }

private:
    MemoryTable& table_;
};

}  // namespace isobar::ipvsadm
