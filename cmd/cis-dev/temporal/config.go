package temporal

import (
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// clusterName never leaves the data file.
const clusterName = "cis-dev"

// configuration is that of all four services in one process. The ports are the
// frontend's HTTP port and those of history, matching and worker.
func configuration(o Options, frontend address, ports []address) *config.Config {
	internal := func(a address) config.Service {
		return config.Service{RPC: config.RPC{BindOnIP: a.ip, GRPCPort: a.port}}
	}
	front := internal(frontend)
	front.RPC.HTTPPort = ports[0].port
	const store = "sqlite"
	c := &config.Config{
		Persistence: config.Persistence{
			DefaultStore: store, VisibilityStore: store, NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{store: {SQL: database(o.DataFile)}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled: true, InitialFailoverVersion: 1, ClusterID: clusterID,
				RPCAddress: frontend.String(), HTTPAddress: ports[0].String(),
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): front,
			string(primitives.HistoryService):  internal(ports[1]),
			string(primitives.MatchingService): internal(ports[2]),
			string(primitives.WorkerService):   internal(ports[3]),
		},
		PublicClient: config.PublicClient{HostPort: frontend.String()},
	}
	c.Global.Membership.MaxJoinDuration = 30 * time.Second
	c.Global.Membership.BroadcastAddress = frontend.ip
	c.Archival.History.State, c.Archival.Visibility.State = "disabled", "disabled"
	c.NamespaceDefaults.Archival.History.State = "disabled"
	c.NamespaceDefaults.Archival.Visibility.State = "disabled"
	return c
}

// clusterID must be a UUID and stay the same over restarts of a data file.
const clusterID = "5b0f9a52-6d0c-4f0c-8a54-6b1f7e0c1d15"

// database opens the file with a write-ahead log. What was acknowledged
// survives the death of the process; synchronous=1 (NORMAL) leaves only a
// power loss to take the last moments.
func database(file string) *config.SQL {
	return &config.SQL{
		PluginName:   sqlite.PluginName,
		DatabaseName: file,
		ConnectAttributes: map[string]string{
			"mode": "rwc", "journal_mode": "wal", "synchronous": "1", "busy_timeout": "10000",
		},
	}
}

// prepare makes the data file, with its tables and its namespace. The tables
// are made in another file that is renamed, so that a start that was killed
// leaves none of them half made.
func prepare(o Options) error {
	if _, err := os.Stat(o.DataFile); os.IsNotExist(err) {
		fresh := o.DataFile + ".new"
		for _, left := range []string{fresh, fresh + "-wal", fresh + "-shm"} {
			if err := os.Remove(left); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		if err := os.MkdirAll(filepath.Dir(o.DataFile), 0o700); err != nil {
			return err
		}
		if err := fill(database(fresh), o); err != nil {
			return err
		}
		return os.Rename(fresh, o.DataFile)
	} else if err != nil {
		return err
	}
	return nil
}

func fill(db *config.SQL, o Options) error {
	// One file, no log beside it: it is about to be renamed.
	db.ConnectAttributes = map[string]string{"mode": "rwc", "journal_mode": "delete", "synchronous": "1"}
	if err := sqliteschema.SetupSchema(db); err != nil {
		return err
	}
	namespace, err := sqliteschema.NewNamespaceConfig(clusterName, o.Namespace, false, o.SearchAttributes)
	if err != nil {
		return err
	}
	namespace.Detail.Config.Retention = durationpb.New(o.Retention)
	return sqliteschema.CreateNamespaces(db, namespace)
}

// settings are the server's where its defaults are wrong for one process: a
// shard polls its queues 20 times a second, which puts 50 ms on every step,
// and the caches are sized for large machines.
func settings() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		dynamicconfig.TransferProcessorMaxPollRPS.Key():                  2000,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():                     2000,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 500,
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():                 8192,
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key():      true,
	}
}
